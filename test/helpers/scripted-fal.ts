import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'

interface Answer {
  status: number
  /** Sent as JSON; a string is sent unchanged. */
  body: unknown
}

/** The responses of a scripted fal. */
export interface FalScript {
  status(): Answer
  result(): Answer
  /** Default 202. */
  cancel?(): Answer
  /** The response to every call, unless null. */
  refuse?(): Answer | null
  /** The response to a submit waits for `answerSubmit`. */
  holdSubmit?: boolean
}

export interface ScriptedFal {
  url: string
  /** The request id of every submit. */
  requestId: string
  readonly submits: number
  readonly cancels: number
  answerSubmit(): void
  stop(): Promise<void>
}

/** A fal for one request, with the responses that a test sets. */
export async function startScriptedFal({
  status,
  result,
  cancel = () => ({ status: 202, body: { status: 'CANCELLATION_REQUESTED' } }),
  refuse = () => null,
  holdSubmit = false,
}: FalScript): Promise<ScriptedFal> {
  const requestId = randomUUID()
  const counts = { submits: 0, cancels: 0 }
  const answering = Promise.withResolvers<void>()
  if (!holdSubmit) answering.resolve()
  const toResponse = ({ status, body }: Answer) =>
    typeof body === 'string' ? new Response(body, { status }) : Response.json(body, { status })
  const app = new Hono()
    .use(async (_http, next) => {
      const refusal = refuse()
      if (refusal) return toResponse(refusal)
      return await next()
    })
    .post('/fal-ai/stable-video', async () => {
      counts.submits++
      await answering.promise
      return Response.json({ status: 'IN_QUEUE', request_id: requestId, queue_position: 0 })
    })
    .get('/fal-ai/stable-video/requests/:id/status', () => toResponse(status()))
    .get('/fal-ai/stable-video/requests/:id', () => toResponse(result()))
    .put('/fal-ai/stable-video/requests/:id/cancel', () => {
      counts.cancels++
      return toResponse(cancel())
    })
  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  const listening = once(server, 'listening')
  server.listen(0, '127.0.0.1')
  await listening
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requestId,
    get submits() {
      return counts.submits
    },
    get cancels() {
      return counts.cancels
    },
    answerSubmit: () => answering.resolve(),
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
