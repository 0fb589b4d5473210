/** Spans over OpenTelemetry's API, which records and propagates nothing until tracing.ts has set up the SDK. */

import { context, isSpanContextValid, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'

/** Attributes of a span: IDs, names and numbers, never secrets or a caller's input. */
export type SpanAttributes = Record<string, string | number>

interface SpanOptions {
  /** `client` for an outgoing call, `server` for an incoming one; `internal` by default. */
  kind?: keyof typeof KINDS
  attributes?: SpanAttributes
}

/** An open span. */
interface OpenSpan {
  /** Runs `work` inside the span: spans started by it are children. */
  run<T>(work: () => T): T
  set(attributes: SpanAttributes): void
  /** Marks the span as failed with the error's class only: messages may contain a caller's input. */
  fail(error: unknown): void
  end(): void
}

const KINDS = { client: SpanKind.CLIENT, server: SpanKind.SERVER, internal: SpanKind.INTERNAL }

/** Starts a child of the current span. The caller MUST end it. */
export function startSpan(name: string, { kind = 'internal', attributes = {} }: SpanOptions = {}): OpenSpan {
  const span = trace.getTracer('reelay').startSpan(name, { kind: KINDS[kind], attributes })
  const inSpan = trace.setSpan(context.active(), span)
  return {
    run: (work) => context.with(inSpan, work),
    set: (more) => span.setAttributes(more),
    fail: (error) => span.setStatus({ code: SpanStatusCode.ERROR, message: toErrorName(error) }),
    end: () => span.end(),
  }
}

/** Runs `work` in a child of the current span, which is marked as failed when `work` throws. */
export async function withSpan<T>(
  name: string,
  options: SpanOptions,
  work: (span: OpenSpan) => T | Promise<T>,
): Promise<T> {
  const span = startSpan(name, options)
  try {
    return await span.run(() => work(span))
  } catch (error) {
    span.fail(error)
    throw error
  } finally {
    span.end()
  }
}

/**
 * The current span as a `traceparent`, to continue its trace later or elsewhere; null without one.
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function currentTraceParent(): string | null {
  const span = trace.getSpanContext(context.active())
  if (!span || !isSpanContextValid(span)) return null
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`
}

const TRACE_PARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/

/** Runs `work` as part of a trace that started elsewhere. An invalid `traceparent`, or null, is ignored. */
export function withTraceParent<T>(traceParent: string | null, work: () => T): T {
  const [, traceId = '', spanId = '', flags = ''] = TRACE_PARENT.exec(traceParent ?? '') ?? []
  const parent = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true }
  if (!isSpanContextValid(parent)) return work()
  return context.with(trace.setSpanContext(context.active(), parent), work)
}

function toErrorName(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const name = error.constructor.name
  return 'kind' in error && typeof error.kind === 'string' ? `${name} ${error.kind}` : name
}
