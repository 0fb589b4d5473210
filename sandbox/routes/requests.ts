import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { fieldError } from '../queue/failures.ts'
import { effectsOf, type Queue } from '../queue/queue.ts'
import { outcomeOf, statusBody } from '../queue/request.ts'
import { streamStatus } from '../queue/status-stream.ts'
import { requireKey } from './authorization.ts'

interface RequestRoutesDeps {
  queue: Queue
  baseUrl: string
  pingMs: number
  closing: AbortSignal
}

const MAX_BODY_BYTES = 32_000_000
const CANCEL_CODES = { CANCELLATION_REQUESTED: 202, ALREADY_COMPLETED: 400, NOT_FOUND: 404 } as const

/** The queue's routes for fal-ai/stable-video, the only model of the sandbox. */
export function requestRoutes({ queue, baseUrl, pingMs, closing }: RequestRoutesDeps): Hono {
  const model = new Hono()
  model.use(requireKey)

  model.post('/', bodyLimit({ maxSize: MAX_BODY_BYTES }), async (context) => {
    const read = await readJson(context.req.raw)
    if (!read) {
      const error = fieldError(['body'], 'json_invalid', 'JSON decode error')
      return context.json({ detail: [error] }, 422)
    }
    const request = await queue.submit(read.body, context.req.query('fal_webhook') ?? null)
    // The request may already be running; the response to a submit always says IN_QUEUE.
    return context.json(statusBody({ ...request, stage: 'queued' }, { baseUrl, logs: null }))
  })

  model.get('/requests/:id/status', (context) => {
    const request = queue.find(context.req.param('id'))
    if (!request) return context.json({ status: 'NOT_FOUND' }, 404)
    const logs = context.req.query('logs') === '1' ? request.logs : null
    return context.json(statusBody(request, { baseUrl, logs }), request.stage === 'ended' ? 200 : 202)
  })

  model.get('/requests/:id/status/stream', (context) => {
    const request = queue.find(context.req.param('id'))
    if (!request) return context.json({ status: 'NOT_FOUND' }, 404)
    const silent = effectsOf(request).silentStream ?? false
    const withLogs = context.req.query('logs') === '1'
    return streamStatus(queue, request, { baseUrl, withLogs, silent, pingMs, signal: closing })
  })

  for (const path of ['/requests/:id', '/requests/:id/response'])
    model.get(path, async (context) => {
      const request = queue.find(context.req.param('id') ?? '')
      if (!request) return context.json({ status: 'NOT_FOUND' }, 404)
      context.header('x-fal-request-id', request.id)
      if (!request.ending) return context.json({ detail: 'Request is still in progress' }, 400)
      if (await queue.consumeResultTimeout(request)) {
        context.header('x-fal-error-type', 'request_timeout')
        return context.json({ detail: 'The result could not be read in time', error_type: 'request_timeout' }, 504)
      }
      const { httpStatus, body } = outcomeOf(request.id, request.ending, baseUrl)
      if (request.ending.kind === 'failure') context.header('x-fal-error-type', request.ending.failure.errorType)
      // Hono's list of status codes lacks 499, which fal returns for a cancelled request.
      return context.json(body, httpStatus as ContentfulStatusCode)
    })

  model.put('/requests/:id/cancel', async (context) => {
    const status = await queue.cancel(context.req.param('id'))
    return context.json({ status }, CANCEL_CODES[status])
  })

  return new Hono().route('/fal-ai/stable-video', model).all('/:owner/:alias/*', requireKey, (context) => {
    const { owner, alias } = context.req.param()
    return context.json(
      { detail: `Application "${owner}/${alias}" not found: the sandbox has fal-ai/stable-video` },
      404,
    )
  })
}

async function readJson(request: Request): Promise<{ body: unknown } | null> {
  try {
    return { body: await request.json() }
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
