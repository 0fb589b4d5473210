import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'

/** The image of jobs that run until `finish`; every other is done at once. */
export const LONG_IMAGE_URL = 'https://example.com/long.png'

/** fal for many jobs without subscribers, and for a few with one. */
export interface HostileFal {
  url: string
  /** How many jobs were submitted. */
  readonly submits: number
  /** Ends the long jobs. */
  finish(): void
  stop(): Promise<void>
}

/** A long job writes a log line this often, in milliseconds. */
const LINE_MS = 500
const MAX_LINES = 1500

export async function startHostileFal(): Promise<HostileFal> {
  const long = new Map<string, { since: number; finishedAt: number | null }>()
  let submits = 0
  function statusOf(id: string) {
    const job = long.get(id)
    if (!job) return { status: 'COMPLETED', request_id: id, logs: [] }
    const { since, finishedAt } = job
    const lines = Math.min(MAX_LINES, Math.floor(((finishedAt ?? Date.now()) - since) / LINE_MS))
    const logs = Array.from({ length: lines }, (_, n) => ({
      message: `line ${n}`,
      timestamp: new Date(since + n * LINE_MS).toISOString(),
    }))
    return { status: finishedAt === null ? 'IN_PROGRESS' : 'COMPLETED', request_id: id, logs }
  }
  const app = new Hono()
    .post('/fal-ai/stable-video', async (http) => {
      submits++
      const { image_url: imageUrl } = (await http.req.json()) as { image_url: string }
      const id = randomUUID()
      if (imageUrl === LONG_IMAGE_URL) long.set(id, { since: Date.now(), finishedAt: null })
      return Response.json({ status: 'IN_QUEUE', request_id: id, queue_position: 0 })
    })
    .get('/fal-ai/stable-video/requests/:id/status', (http) => http.json(statusOf(http.req.param('id'))))
    .get('/fal-ai/stable-video/requests/:id', (http) =>
      http.json({ video: { url: `${url}/files/${http.req.param('id')}.mp4` }, seed: 1 }),
    )
    .put('/fal-ai/stable-video/requests/:id/cancel', (http) => http.json({ status: 'ALREADY_COMPLETED' }, 400))
    .post('/storage/upload/initiate', (http) => {
      const file = `${url}/files/${randomUUID()}`
      return http.json({ upload_url: file, file_url: file })
    })
    .put('/files/:name', async (http) => {
      await http.req.arrayBuffer()
      return http.body(null, 200)
    })
  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  const listening = once(server, 'listening')
  server.listen(0, '127.0.0.1')
  await listening
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    get submits() {
      return submits
    },
    finish: () => {
      for (const job of long.values()) job.finishedAt ??= Date.now()
    },
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
