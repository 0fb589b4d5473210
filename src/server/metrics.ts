import { Hono } from 'hono'

/** What the route needs of the figures; see adapters/metrics.ts. */
export interface MetricsText {
  render(): Promise<string>
  readonly contentType: string
}

/** `/metrics`: the figures of this process, for Prometheus. */
export function metricsRoutes(metrics: MetricsText): Hono {
  return new Hono().get('/metrics', async (http) =>
    http.body(await metrics.render(), 200, { 'content-type': metrics.contentType }),
  )
}
