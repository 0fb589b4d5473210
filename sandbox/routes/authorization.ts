import type { MiddlewareHandler } from 'hono'

/** Lets a call through with any key, except none and those that begin with "invalid": for trying that out. */
export const requireKey: MiddlewareHandler = async (context, next) => {
  const key = /^Key\s+(\S.*)$/i.exec(context.req.header('authorization') ?? '')?.[1]
  if (key === undefined)
    return context.json({ detail: 'Authentication is required: send the header Authorization: Key <key>' }, 401)
  if (key.startsWith('invalid')) return context.json({ detail: 'Invalid key credentials' }, 401)
  await next()
}
