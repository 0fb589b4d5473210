import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { openWebhookSender, post } from '../helpers/webhook-sender.ts'

/** A request of the fake, whose status depends on the time only. */
export interface FakeRequest {
  id: string
  /** Identifies the job: every job of a run has its own image. */
  imageUrl: string
  webhook: string | null
  acceptedAt: number
  canceledAt: number | null
}

/** Replaces the fake's response; `usual` is the normal response, `cut` closes the connection. */
export type Twist = (request: FakeRequest, usual: () => Response, cut: () => void) => Response | Promise<Response>

/**
 * An independent implementation of fal's queue, in the test's process, so that it outlives the servers that are killed.
 */
export interface FakeFal {
  url: string
  jwksUrl: string
  requests: Map<string, FakeRequest>
  /** POSTs per image that were not refused: each may have been paid for. */
  posts: Map<string, number>
  /** Times of the POSTs refused by a 4xx, which fal did not accept. */
  refusals: { imageUrl: string; at: number }[]
  twists: { submit: Twist; status: Twist; stream: Twist; result: Twist }
  /** Sends the end of a request to its webhook, and resolves to the response's status. */
  deliver(request: FakeRequest): Promise<number>
  requestOf(imageUrl: string): FakeRequest | undefined
  stop(): Promise<void>
}

export interface FakeFalOptions {
  /** Length of a step, in milliseconds: a request waits three steps and runs six. Default 40. */
  stepMs?: number
}

const WAITING_STEPS = 3
const RUNNING_STEPS = 6
type Call = Context<{ Bindings: HttpBindings }>
const cut = ({ env }: Call): void => void env.incoming.socket.destroy()
const AS_USUAL: Twist = (_request, usual) => usual()

export async function startFakeFal({ stepMs = 40 }: FakeFalOptions = {}): Promise<FakeFal> {
  const requests = new Map<string, FakeRequest>()
  const posts = new Map<string, number>()
  const refusals: FakeFal['refusals'] = []
  const twists: FakeFal['twists'] = { submit: AS_USUAL, status: AS_USUAL, stream: AS_USUAL, result: AS_USUAL }
  const sender = await openWebhookSender()

  function statusOf({ id, acceptedAt, canceledAt }: FakeRequest) {
    const steps = Math.floor(((canceledAt ?? Date.now()) - acceptedAt) / stepMs)
    const common = { request_id: id }
    const lines = Math.min(RUNNING_STEPS, Math.max(0, steps - WAITING_STEPS + 1))
    const logs = Array.from({ length: lines }, (_, n) => ({
      message: `step ${n + 1}/${RUNNING_STEPS}`,
      timestamp: new Date(acceptedAt + (WAITING_STEPS + n) * stepMs).toISOString(),
    }))
    if (steps >= WAITING_STEPS + RUNNING_STEPS) return { ...common, status: 'COMPLETED', logs }
    if (canceledAt !== null)
      return { ...common, status: 'COMPLETED', logs, error: 'no', error_type: 'client_cancelled' }
    if (steps < WAITING_STEPS) return { ...common, status: 'IN_QUEUE', queue_position: WAITING_STEPS - 1 - steps, logs }
    return { ...common, status: 'IN_PROGRESS', logs }
  }

  function streamOf(request: FakeRequest): Response {
    let timer: NodeJS.Timeout
    const body = new ReadableStream<string>({
      start: (controller) => {
        let sent = { text: '', lines: 0 }
        timer = setInterval(tell, Math.max(5, stepMs / 4))
        function tell(): void {
          const status = statusOf(request)
          const text = JSON.stringify(status)
          if (text === sent.text) return
          const logs = status.logs.slice(sent.lines)
          sent = { text, lines: status.logs.length }
          controller.enqueue(`data: ${JSON.stringify({ ...status, logs })}\n\n`)
          if (status.status !== 'COMPLETED') return
          clearInterval(timer)
          controller.close()
        }
        tell()
      },
      cancel: () => clearInterval(timer),
    })
    return new Response(body.pipeThrough(new TextEncoderStream()), { headers: { 'content-type': 'text/event-stream' } })
  }

  const app = new Hono<{ Bindings: HttpBindings }>()
    .post('/:owner/:model', async (http) => {
      const { image_url: imageUrl } = (await http.req.json()) as { image_url: string }
      posts.set(imageUrl, (posts.get(imageUrl) ?? 0) + 1)
      const webhook = http.req.query('fal_webhook') ?? null
      const request = { id: randomUUID(), imageUrl, webhook, acceptedAt: Date.now(), canceledAt: null }
      const accept = () => {
        requests.set(request.id, request)
        return Response.json({ status: 'IN_QUEUE', request_id: request.id, queue_position: 2 })
      }
      const answer = await twists.submit(request, accept, () => cut(http))
      if (answer.status >= 400 && answer.status < 500) {
        posts.set(imageUrl, (posts.get(imageUrl) ?? 0) - 1)
        refusals.push({ imageUrl, at: request.acceptedAt })
      }
      return answer
    })
    .get('/:owner/:model/requests/:id/status', (http) =>
      answer(http, twists.status, (request) => Response.json(statusOf(request))),
    )
    .get('/:owner/:model/requests/:id/status/stream', (http) => answer(http, twists.stream, streamOf))
    .get('/:owner/:model/requests/:id', (http) =>
      answer(http, twists.result, (request) => {
        const status = statusOf(request)
        if (status.status !== 'COMPLETED')
          return Response.json({ detail: 'Request is still in progress' }, { status: 400 })
        if ('error_type' in status)
          return Response.json({ detail: 'cancelled', error_type: 'client_cancelled' }, { status: 499 })
        return Response.json({ video: { url: `http://127.0.0.1:${port}/${request.id}.mp4` }, seed: 1 })
      }),
    )
    .put('/:owner/:model/requests/:id/cancel', (http) =>
      answer(http, AS_USUAL, (request) => {
        if (statusOf(request).status === 'COMPLETED')
          return Response.json({ status: 'ALREADY_COMPLETED' }, { status: 400 })
        request.canceledAt = Date.now()
        return Response.json({ status: 'CANCELLATION_REQUESTED' }, { status: 202 })
      }),
    )

  async function answer(http: Call, twist: Twist, usual: (request: FakeRequest) => Response): Promise<Response> {
    const request = requests.get(http.req.param('id') ?? '')
    if (!request) return Response.json({ status: 'NOT_FOUND' }, { status: 404 })
    return await twist(
      request,
      () => usual(request),
      () => cut(http),
    )
  }

  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  const listening = once(server, 'listening')
  server.listen(0, '127.0.0.1')
  await listening
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    jwksUrl: sender.jwksUrl,
    requests,
    posts,
    refusals,
    twists,
    requestOf: (imageUrl) => [...requests.values()].find((request) => request.imageUrl === imageUrl),
    deliver: async (request) => {
      if (request.webhook === null) throw new Error('the submit named no webhook')
      const { status } = await post(request.webhook, sender.prepare({ requestId: request.id }))
      return status
    },
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
      await sender.close()
    },
  }
}
