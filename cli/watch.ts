import { setTimeout as pause } from 'node:timers/promises'
import { createClient } from 'graphql-ws'
import { type JobStatus, WatchJobDocument, type WatchJobSubscription } from '../operations/generated/graphql.ts'
import { type AnsweredError, toRequestError } from './client.ts'
import { CommandError, RequestError } from './errors.ts'

export type Update = WatchJobSubscription['jobProgress']

export interface WatchOptions {
  /** The server. */
  url: string
  jobId: string
  signal: AbortSignal
  /** Every update once, in order. */
  onUpdate(update: Update): void
  /** The connection is lost, and is made again. */
  onLost(reason: string): void
  /** The connection is there again. */
  onFound(): void
  /** How long it goes on without hearing anything from the server, in milliseconds. */
  patienceMs?: number
}

const PATIENCE_MS = 5 * 60_000
/** A socket over which nothing came is asked for a sign of life, and given up when there is none, in milliseconds. */
const KEEP_ALIVE_MS = 10_000
const PONG_TIMEOUT_MS = 5_000

const ENDED: ReadonlySet<JobStatus> = new Set(['SUCCEEDED', 'FAILED', 'CANCELED'])
/** Close codes after which the same would only happen again. @see https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md */
const FINAL_CLOSE_CODES: ReadonlySet<unknown> = new Set([4400, 4401, 4403, 4406, 4409, 4500])
/** Errors of a server that may be well again soon. */
const PASSING_CODES: ReadonlySet<string | null> = new Set([
  'SERVICE_UNAVAILABLE',
  'INTERNAL_SERVER_ERROR',
  'RATE_LIMITED',
])

/**
 * Watches a job over WebSocket until it has ended, and answers the update that ended it. A lost connection is made
 * again, and goes on after the last update that came.
 * @throws RequestError when the server refuses; CommandError when it has not been heard of for `patienceMs`
 */
export async function watchJob(options: WatchOptions): Promise<Update> {
  const { signal, onUpdate, onLost, onFound, patienceMs = PATIENCE_MS } = options
  let last: Update | undefined
  let heardAt = performance.now()
  let failures = 0

  function hear(): void {
    heardAt = performance.now()
    failures = 0
  }

  function take(update: Update): void {
    hear()
    if (last && update.sequence <= last.sequence) return
    last = update
    onUpdate(update)
  }

  for (;;) {
    let connectedAt = Number.POSITIVE_INFINITY
    const onConnected = (): void => {
      connectedAt = performance.now()
      if (failures > 0) onFound()
    }
    const reason = await watchOnce(options, { after: last?.cursor ?? null, onUpdate: take, onConnected })
    if (last && ENDED.has(last.status)) return last
    // A quiet job says nothing for long, over a connection that is well.
    if (performance.now() - connectedAt > KEEP_ALIVE_MS) hear()
    if (performance.now() - heardAt > patienceMs) throw new CommandError(`the server is no longer there: ${reason}`)
    onLost(reason)
    await pause(nextDelayMs(failures++, Math.random()), undefined, { signal })
  }
}

/** A pause before the next attempt, in milliseconds: from a quarter of a second to five seconds, never the same for all. */
export function nextDelayMs(attempt: number, random: number): number {
  return Math.round(Math.min(5_000, 250 * 2 ** attempt) * (0.5 + random / 2))
}

interface Attempt {
  after: string | null
  onUpdate(update: Update): void
  onConnected(): void
}

/** One subscription on a socket of its own. Answers why it is over, unless that is final. */
async function watchOnce(
  { url, jobId, signal }: WatchOptions,
  { after, onUpdate, onConnected }: Attempt,
): Promise<string> {
  signal.throwIfAborted()
  const over = Promise.withResolvers<string>()
  const end = (error: unknown): void => {
    const ending = toEnding(error)
    if (typeof ending === 'string') over.resolve(ending)
    else over.reject(ending)
  }
  let pongDeadline: NodeJS.Timeout | undefined
  const client = createClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    // Again here would mean: with the cursor of the first time.
    retryAttempts: 0,
    keepAlive: KEEP_ALIVE_MS,
    connectionAckWaitTimeout: KEEP_ALIVE_MS,
    on: {
      connected: onConnected,
      ping: (received) => {
        if (!received) pongDeadline = setTimeout(() => client.terminate(), PONG_TIMEOUT_MS)
      },
      pong: (received) => {
        if (received) clearTimeout(pongDeadline)
      },
    },
  })
  const abort = (): void => over.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    client.subscribe<WatchJobSubscription>(
      { query: String(WatchJobDocument), variables: { id: jobId, after } },
      {
        next: ({ data, errors }) => {
          if (data?.jobProgress) onUpdate(data.jobProgress)
          else if (errors) end(errors)
        },
        error: end,
        complete: () => over.resolve('the server ended the subscription'),
      },
    )
    return await over.promise
  } finally {
    signal.removeEventListener('abort', abort)
    clearTimeout(pongDeadline)
    await client.dispose()
  }
}

/**
 * What an error of graphql-ws means: in words, why the connection has to be made again; as an error, why not.
 * @param error - the answer's errors, a close event, or whatever else the socket threw
 */
export function toEnding(error: unknown): string | RequestError {
  if (Array.isArray(error)) {
    const answered = toRequestError(error as AnsweredError[])
    return PASSING_CODES.has(answered.code) ? answered.message : answered
  }
  const { code, reason } = (error ?? {}) as { code?: unknown; reason?: unknown }
  if (typeof code !== 'number') return 'no connection'
  const said = `closed with ${code}${reason ? ` ${String(reason)}` : ''}`
  if (!FINAL_CLOSE_CODES.has(code)) return said
  return new RequestError(`the server does not let this job be watched: ${said}`, null)
}
