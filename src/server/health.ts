import { Hono } from 'hono'

/** How this instance is, for whoever keeps it running. */
export interface Health {
  /** Why this instance should get no requests now; null when it should. */
  notReady(): Promise<string | null>
  /** What an operator should know, although requests are served. */
  warnings(): string[]
}

/** `/healthz`: the process lives. `/readyz`: 200 when it should get requests, else 503 with the reason. */
export function healthRoutes({ notReady, warnings }: Health): Hono {
  return new Hono()
    .get('/healthz', (http) => http.json({ status: 'ok' }))
    .get('/readyz', async (http) => {
      const reason = await notReady()
      if (reason !== null) return http.json({ status: 'not ready', reason }, 503)
      return http.json({ status: 'ready', warnings: warnings() })
    })
}
