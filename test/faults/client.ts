import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { GenerateVideoDocument, GetJobDocument } from '../../operations/generated/graphql.ts'
import { request, subscribe } from '../helpers/graphql-client.ts'

/** What one subscriber received, over all its connections. */
export interface Transcript {
  jobId: string
  updates: { sequence: number; status: string; missed: number; at: number }[]
  /** How often it reconnected. */
  reconnects: number
  /** The close codes of its sockets. */
  closes: number[]
}

const WATCH = `subscription ($id: ID!, $after: String) {
  jobProgress(id: $id, after: $after) { cursor sequence status missed }
}`
const ENDED = new Set(['SUCCEEDED', 'FAILED', 'CANCELED'])

interface Progress {
  jobProgress: { cursor: string; sequence: number; status: string; missed: number }
}

/**
 * Watches a job to its end, as a client in another language would: when the connection is lost, or the server asks it
 * to reconnect, it connects to the next address with the cursor of its last update.
 */
export function watchJob(
  urls: readonly string[],
  jobId: string,
): { transcript: Transcript; done: Promise<Transcript> } {
  const transcript: Transcript = { jobId, updates: [], reconnects: -1, closes: [] }
  let after: string | null = null

  async function listen(url: string): Promise<boolean> {
    for await (const { data, errors } of subscribe<Progress>(url, WATCH, { id: jobId, after })) {
      if (errors) return false
      if (!data) continue
      const { cursor, ...update } = data.jobProgress
      transcript.updates.push({ ...update, at: Date.now() })
      after = cursor
      if (ENDED.has(update.status)) return true
    }
    // A job that ended at the cursor completes without another message.
    return ENDED.has(transcript.updates.at(-1)?.status ?? '')
  }

  function noteClose(event: unknown): boolean {
    const { code } = event as { code?: unknown }
    if (typeof code === 'number') transcript.closes.push(code)
    return false
  }

  async function watch(): Promise<Transcript> {
    for (let turn = 0; ; turn++) {
      transcript.reconnects++
      if (await listen(urls[turn % urls.length] ?? '').catch(noteClose)) return transcript
      await sleep(50 + Math.random() * 200)
    }
  }

  const done = watch()
  return { transcript, done }
}

export interface Acknowledged {
  id: string
  imageUrl: string
}

export function createImageUrl(): string {
  return `https://images.test/${randomUUID()}.png`
}

/** Retries generateVideo with one idempotency key until a server accepts it. */
export async function generate(
  urls: readonly string[],
  { imageUrl = createImageUrl(), idempotencyKey = randomUUID() }: { imageUrl?: string; idempotencyKey?: string } = {},
): Promise<Acknowledged> {
  for (let turn = 0; ; turn++) {
    try {
      const { data } = await request(urls[turn % urls.length] ?? '', GenerateVideoDocument, {
        input: { imageUrl, idempotencyKey },
      })
      if (data?.generateVideo.__typename === 'GenerateVideoSuccess') return { id: data.generateVideo.job.id, imageUrl }
    } catch {
      // The server is unavailable or the response was lost: the key makes a retry safe.
    }
    await sleep(50 + Math.random() * 100)
  }
}

/** The job's current state. */
export async function readJob(urls: readonly string[], id: string) {
  const { data } = await request(urls[0] ?? '', GetJobDocument, { id })
  if (!data.job) throw new Error(`there is no job ${id}`)
  return data.job
}
