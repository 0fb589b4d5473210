import { type JobProgressUpdate, type ReelayClient, type Via, WatchError } from '../client/core/reelay-client.ts'
import { CommandError } from './errors.ts'

export type Update = JobProgressUpdate

interface WatchOptions {
  client: ReelayClient
  jobId: string
  signal: AbortSignal
  /** Called once per update, in order. */
  onUpdate(update: Update): void
  /** Called before each reconnect. */
  onDisconnect(reason: string): void
  onReconnect(): void
  /** Called when the transport changes; the first is `websocket`. */
  onVia?: (via: Via) => void
  /** How long to keep reconnecting without contact to the server, in milliseconds. */
  maxWaitMs?: number
}

const MAX_WAIT_MS = 5 * 60_000
/** A watch that lasted this long had contact, even without updates, in milliseconds: no failed attempt takes as long. */
const STEADY_MS = 30_000

/**
 * Watches a job across reconnects and returns its terminal update.
 * @throws CommandError when the server refuses, or is unreachable for `maxWaitMs`
 */
export async function watchJob(options: WatchOptions): Promise<Update> {
  const { client, jobId, signal, onUpdate, onDisconnect, onReconnect, onVia, maxWaitMs = MAX_WAIT_MS } = options
  const giveUp = new AbortController()
  let last: Update | undefined
  let isLost = false
  let contactAt = performance.now()
  let retriedAt = contactAt

  let transport: Via = 'websocket'
  const stopListening = client.onConnection((state, via) => {
    if (state !== 'online') return
    if (isLost) onReconnect()
    if (via !== transport) onVia?.(via)
    transport = via
  })

  function onRetry(reason: string): void {
    const now = performance.now()
    if (now - retriedAt > STEADY_MS) contactAt = now
    retriedAt = now
    isLost = true
    if (now - contactAt > maxWaitMs) giveUp.abort(new CommandError(`lost contact with the server: ${reason}`))
    else onDisconnect(reason)
  }

  try {
    const either = AbortSignal.any([signal, giveUp.signal])
    for await (const event of client.watchJob(jobId, { signal: either, onRetry })) {
      if (event.kind !== 'update') continue
      contactAt = performance.now()
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
  if (!last) throw new Error(`the server sent no update of job ${jobId}`)
  return last
}
