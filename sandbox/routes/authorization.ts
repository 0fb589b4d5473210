import type { MiddlewareHandler } from 'hono'

/** Accepts any key except those that begin with "invalid", which let callers try out a 401. */
export const requireKey: MiddlewareHandler = async (context, next) => {
  const key = /^Key\s+(\S.*)$/i.exec(context.req.header('authorization') ?? '')?.[1]
  if (key === undefined)
    return context.json({ detail: 'Authentication is required: send the header Authorization: Key <key>' }, 401)
  if (key.startsWith('invalid')) return context.json({ detail: 'Invalid key credentials' }, 401)
  await next()
}
