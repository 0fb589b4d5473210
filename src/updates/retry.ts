import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs, DATABASE_READ_BACKOFF } from '../backoff.ts'
import { DatabaseUnavailableError } from '../errors.ts'

/**
 * Retries a read with back-off while the database is unavailable: a subscriber waits for the end of an outage as for the
 * next update. The jitter keeps subscribers from returning all at once.
 * @param options - `signal` ends the wait; reads are retried for `maxWaitMs`, by default without a limit
 * @throws the first other error; the last one once `maxWaitMs` is over or `signal` aborts
 */
export async function retryWhileUnavailable<T>(
  read: () => Promise<T>,
  { signal, maxWaitMs = Number.POSITIVE_INFINITY }: { signal?: AbortSignal; maxWaitMs?: number },
): Promise<T> {
  const until = Date.now() + maxWaitMs
  for (let attempt = 1; ; attempt++) {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError) || signal?.aborted || Date.now() >= until) throw error
      const waitMs = backoffMs(attempt, DATABASE_READ_BACKOFF, Math.random())
      await sleep(waitMs, undefined, signal && { signal }).catch(() => {
        // Aborted: the next read is the last.
      })
    }
  }
}
