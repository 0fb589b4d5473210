import { context, DiagLogLevel, diag, trace } from '@opentelemetry/api'
import { withTimeout } from '../../timeout.ts'

/** A running exporter: spans are recorded and sent in batches. */
export interface Tracing {
  /** Stops recording, and sends the remaining spans if the collector accepts them within FLUSH_MS. */
  stop(): Promise<void>
}

/** Limit for sending the last spans, in milliseconds. */
const FLUSH_MS = 1_500

/** An unavailable collector fails every batch: the failure is reported once per this many milliseconds. */
const REPEAT_MS = 60_000

/**
 * Sets up OpenTelemetry for the whole process: from then on trace.ts records. The exporter reads its endpoint and
 * headers from OpenTelemetry's environment variables. Only a `traceparent` decides whether a trace is sampled.
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter
 */
export async function openTracing({
  onError,
}: {
  onError(error: unknown, context: { stage: string }): void
}): Promise<Tracing> {
  // Loaded only when tracing is on: these modules take most of a server's start.
  const [
    { BatchSpanProcessor, TracerProvider },
    { OTLPTraceExporter },
    resources,
    { AsyncLocalStorageContextManager },
  ] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-proto'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/context-async-hooks'),
  ])
  const { detectResources, resourceAttributesEnvDetector, resourceFromAttributes, serviceNameEnvDetector } = resources
  reportTo(onError)
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'reelay' }).merge(
      detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }),
    ),
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
  })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(provider)
  return {
    stop: async () => {
      // The exporter's retries would take longer than a drain may.
      const late = new Error(`the last spans were not sent in ${FLUSH_MS} ms`)
      await withTimeout(FLUSH_MS, provider.shutdown(), late).catch((error: unknown) =>
        onError(error, { stage: 'traces' }),
      )
      trace.disable()
      context.disable()
      diag.disable()
    },
  }
}

function reportTo(onError: (error: unknown, context: { stage: string }) => void): void {
  let reportedAt = Number.NEGATIVE_INFINITY
  const report = (message: string): void => {
    const now = performance.now()
    if (now - reportedAt < REPEAT_MS) return
    reportedAt = now
    onError(new Error(`OpenTelemetry: ${message.slice(0, 500)}`), { stage: 'traces' })
  }
  const silent = () => {}
  diag.setLogger(
    { error: report, warn: report, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
}
