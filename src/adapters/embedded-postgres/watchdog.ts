import { setTimeout as sleep } from 'node:timers/promises'
import type { EmbeddedPostgres } from './server.ts'

export interface WatchdogDeps {
  postgres: Pick<EmbeddedPostgres, 'revive'>
  /** Called after each restart of the server. */
  onRevived(): Promise<void>
  onError(error: unknown, context: { stage: string }): void
}

/** Between two checks of the server, in milliseconds: a check reads one file. */
const CHECK_MS = 1_000

/**
 * Restarts the embedded Postgres after it was killed. Stop the watchdog before the database, which it would start
 * again.
 */
export function watchPostgres({ postgres, onRevived, onError }: WatchdogDeps): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const { signal } = stopping

  async function watch(): Promise<void> {
    while (!signal.aborted) {
      await sleep(CHECK_MS, undefined, { signal, ref: false }).catch(() => {
        // Stopped: the loop ends.
      })
      if (signal.aborted) return
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
  return {
    stop: async () => {
      stopping.abort()
      await watching
    },
  }
}
