import { Hono } from 'hono'

/** See adapters/telemetry/metrics.ts. */
export interface MetricsText {
  render(): Promise<string>
  readonly contentType: string
}

/** `/metrics`: the metrics of this process, for Prometheus. */
export function metricsRoutes(metrics: MetricsText): Hono {
  return new Hono().get('/metrics', async (http) =>
    http.body(await metrics.render(), 200, { 'content-type': metrics.contentType }),
  )
}
