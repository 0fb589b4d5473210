import { Hono } from 'hono'
import { DatabaseUnavailableError } from '../errors.ts'
import { withTimeout } from '../timeout.ts'
import type { OnError } from './errors.ts'

/** What readiness depends on. */
export interface HealthDeps {
  isDraining(): boolean
  /** @throws Error when the database does not respond */
  pingDatabase(): Promise<unknown>
  /** Why a database that responds cannot store anything; null when it can. */
  findWriteProblem(): Promise<string | null>
  /** Problems that do not prevent serving requests. */
  warnings(): string[]
  onError: OnError
}

/** How long the database may take to respond, in milliseconds. */
const READY_MS = 1_500

/** `/healthz`: the process is alive. `/readyz`: 200 when it should receive requests, otherwise 503 with the reason. */
export function healthRoutes({ isDraining, pingDatabase, findWriteProblem, warnings, onError }: HealthDeps): Hono {
  async function notReady(): Promise<string | null> {
    if (isDraining()) return 'draining'
    try {
      const late = new DatabaseUnavailableError('no answer in time')
      await withTimeout(READY_MS, pingDatabase(), late)
      return await withTimeout(READY_MS, findWriteProblem(), late)
    } catch (error) {
      onError(error, { stage: 'ready check' })
      return 'the database cannot be reached'
    }
  }

  return new Hono()
    .get('/healthz', (http) => http.json({ status: 'ok' }))
    .get('/readyz', async (http) => {
      const reason = await notReady()
      if (reason !== null) return http.json({ status: 'not ready', reason }, 503)
      return http.json({ status: 'ready', warnings: warnings() })
    })
}
