import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs, DATABASE_READ_BACKOFF } from '../backoff.ts'
import { DatabaseUnavailableError } from '../errors.ts'

export interface PatienceOptions {
  /** Ends the wait. */
  signal?: AbortSignal
  /** How long to go on asking, in milliseconds. Default: for ever. */
  patienceMs?: number
}

/**
 * Reads, and reads again while the store is away, with growing waits: whoever follows a job waits for the database to come
 * back, as for the next update. The jitter keeps those who wait from coming back all at once.
 * @throws the error that is not of an outage, or the last one when patience has run out or `signal` aborts
 */
export async function readPatiently<T>(
  read: () => Promise<T>,
  { signal, patienceMs = Number.POSITIVE_INFINITY }: PatienceOptions,
): Promise<T> {
  const until = Date.now() + patienceMs
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
