import { context, DiagLogLevel, diag, trace } from '@opentelemetry/api'

/** Spans are recorded, and sent in batches. */
export interface Tracing {
  /** Sends what is left, if the collector takes it soon; from then on nothing is recorded. */
  stop(): Promise<void>
}

/** How long the last spans may take to be sent, in milliseconds. */
const FLUSH_MS = 1_500

/** A collector that is away fails every batch: it is told once in this time, in milliseconds. */
const REPEAT_MS = 60_000

/**
 * Sets OpenTelemetry up for this process, which has one: src/adapters/telemetry/trace.ts records from now on. Where spans go to, and by which
 * headers, the exporter reads from the environment by the names that are OpenTelemetry's own. What asks for a trace not to
 * be recorded is its `traceparent` alone.
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter
 */
export async function openTracing({
  onError,
}: {
  onError(error: unknown, context: { stage: string }): void
}): Promise<Tracing> {
  // Loaded by those only who trace: it is most of a server's start.
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
      const late = Promise.withResolvers<never>()
      const timer = setTimeout(() => late.reject(new Error(`the last spans were not sent in ${FLUSH_MS} ms`)), FLUSH_MS)
      // The exporter would try again for longer than a drain may take.
      await Promise.race([provider.shutdown(), late.promise]).catch((error: unknown) =>
        onError(error, { stage: 'traces' }),
      )
      clearTimeout(timer)
      trace.disable()
      context.disable()
      diag.disable()
    },
  }
}

function reportTo(onError: (error: unknown, context: { stage: string }) => void): void {
  let toldAt = Number.NEGATIVE_INFINITY
  const tell = (message: string): void => {
    const now = performance.now()
    if (now - toldAt < REPEAT_MS) return
    toldAt = now
    onError(new Error(`OpenTelemetry: ${message.slice(0, 500)}`), { stage: 'traces' })
  }
  const silent = () => {}
  diag.setLogger(
    { error: tell, warn: tell, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
}
