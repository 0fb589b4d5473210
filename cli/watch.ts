import { type JobProgressUpdate, type ReelayClient, type Via, WatchError } from '../client/core/reelay-client.ts'
import { CommandError } from './errors.ts'

export type Update = JobProgressUpdate

export interface WatchOptions {
  client: ReelayClient
  jobId: string
  signal: AbortSignal
  /** Every update once, in order. */
  onUpdate(update: Update): void
  /** The connection is lost, and is made again. */
  onLost(reason: string): void
  /** The connection is there again. */
  onFound(): void
  /** Updates come by another way than before; the first is `websocket`. */
  onVia?: (via: Via) => void
  /** How long it goes on without hearing anything from the server, in milliseconds. */
  patienceMs?: number
}

const PATIENCE_MS = 5 * 60_000
/** A watch that went on for so long was well, however little there was to tell, in milliseconds: no attempt in vain takes as long. */
const STEADY_MS = 30_000

/**
 * Watches a job until it has ended, and answers the update that ended it. A lost connection is made again.
 * @throws CommandError when the server refuses, or has not been heard of for `patienceMs`
 */
export async function watchJob(options: WatchOptions): Promise<Update> {
  const { client, jobId, signal, onUpdate, onLost, onFound, onVia, patienceMs = PATIENCE_MS } = options
  const givingUp = new AbortController()
  let last: Update | undefined
  let isLost = false
  let heardAt = performance.now()
  let retriedAt = heardAt

  let way: Via = 'websocket'
  const stopListening = client.onConnection((state, via) => {
    if (state !== 'online') return
    if (isLost) onFound()
    if (via !== way) onVia?.(via)
    way = via
  })

  function onRetry(reason: string): void {
    const now = performance.now()
    if (now - retriedAt > STEADY_MS) heardAt = now
    retriedAt = now
    isLost = true
    if (now - heardAt > patienceMs) givingUp.abort(new CommandError(`the server is no longer there: ${reason}`))
    else onLost(reason)
  }

  try {
    const either = AbortSignal.any([signal, givingUp.signal])
    for await (const event of client.watchJob(jobId, { signal: either, onRetry })) {
      if (event.kind !== 'update') continue
      heardAt = performance.now()
      isLost = false
      last = event.update
      onUpdate(last)
    }
    either.throwIfAborted()
  } catch (error) {
    if (error instanceof WatchError) throw new CommandError(error.message, { cause: error })
    throw error
  } finally {
    stopListening()
  }
  if (!last) throw new Error(`the server told nothing of job ${jobId}`)
  return last
}
