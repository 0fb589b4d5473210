import { context, DiagLogLevel, diag, trace } from '@opentelemetry/api'
import { withTimeout } from '../../timeout.ts'

type OnError = (error: unknown, context: { stage: string }) => void

/** Limit for sending the last spans, in milliseconds. */
const FLUSH_MS = 1_500

/** An unavailable collector fails every batch: the failure is reported once per this many milliseconds. */
const REPEAT_MS = 60_000

/**
 * Sets up OpenTelemetry for the whole process: from then on trace.ts records. The exporter reads its endpoint and
 * headers from OpenTelemetry's environment variables. Only a `traceparent` decides whether a trace is sampled. Resolves
 * to its stop, which sends the remaining spans if the collector accepts them within FLUSH_MS.
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter
 */
export async function openTracing(onError: OnError): Promise<() => Promise<void>> {
  // Loaded only when tracing is on: these modules take most of a server's start.
  const [sdk, { OTLPTraceExporter }, resources, { AsyncLocalStorageContextManager }] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-proto'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/context-async-hooks'),
  ])
  const { resourceAttributesEnvDetector, serviceNameEnvDetector } = resources
  reportTo(onError)
  const given = resources.detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] })
  const provider = new sdk.TracerProvider({
    resource: resources.resourceFromAttributes({ 'service.name': 'reelay' }).merge(given),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
  })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(provider)
  return async () => {
    // The exporter's retries would take longer than a drain may.
    const late = new Error(`the last spans were not sent in ${FLUSH_MS} ms`)
    await withTimeout(FLUSH_MS, provider.shutdown(), late).catch((error: unknown) =>
      onError(error, { stage: 'traces' }),
    )
    trace.disable()
    context.disable()
    diag.disable()
  }
}

function reportTo(onError: OnError): void {
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
