import { setTimeout as sleep } from 'node:timers/promises'
import type { EmbeddedPostgres } from './server.ts'

export interface WatchdogDeps {
  postgres: Pick<EmbeddedPostgres, 'revive'>
  /** Called each time it has been started again, before anybody else knows. */
  onRevived(): Promise<void>
  onError(error: unknown, context: { stage: string }): void
}

/** How often the server is looked for, in milliseconds: it costs the reading of a file. */
const LOOK_MS = 1_000

/** Starts the embedded Postgres again when it has been killed: nobody else would. Stop it before the database. */
export function watchPostgres({ postgres, onRevived, onError }: WatchdogDeps): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const { signal } = stopping

  async function watch(): Promise<void> {
    while (!signal.aborted) {
      await sleep(LOOK_MS, undefined, { signal, ref: false }).catch(() => {
        // Stopped: the loop ends.
      })
      if (signal.aborted) return
      try {
        if (!(await postgres.revive())) continue
        onError(new Error('it had ended, and was started again'), { stage: 'embedded Postgres' })
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
