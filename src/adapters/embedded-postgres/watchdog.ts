import { setTimeout as sleep } from 'node:timers/promises'
import type { EmbeddedPostgres } from './server.ts'

interface WatchdogDeps {
  postgres: Pick<EmbeddedPostgres, 'revive'>
  /** Called after each restart of the server. */
  onRevived(): Promise<void>
  onError(error: unknown, context: { stage: string }): void
}

/** Between two checks of the server, in milliseconds: a check reads one file. */
const CHECK_MS = 1_000

/**
 * Restarts the embedded Postgres after it was killed.
 * @returns the watchdog's stop: call it before the database's, which the watchdog would start again
 */
export function watchPostgres({ postgres, onRevived, onError }: WatchdogDeps): () => Promise<void> {
  const stopping = new AbortController()

  async function watch(): Promise<void> {
    // A stop ends the pause early, and with it the loop.
    while (await sleep(CHECK_MS, true, { signal: stopping.signal, ref: false }).catch(() => false)) {
      try {
        if (!(await postgres.revive())) continue
        onError(new Error('the server had ended and was started again'), { stage: 'embedded Postgres' })
        await onRevived()
      } catch (error) {
        onError(error, { stage: 'embedded Postgres' })
      }
    }
  }

  const watching = watch()
  return async () => {
    stopping.abort()
    await watching
  }
}
