/**
 * Spans, as the code sees them. Until adapters/tracing.ts has set OpenTelemetry up, all of this is its no-op: nothing is
 * recorded, and nothing is carried.
 */

import { context, isSpanContextValid, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'

/** What a span says of itself. No secrets, and nothing of a caller's own: ids, names, numbers. */
export type SpanAttributes = Record<string, string | number>

export interface SpanOptions {
  /** `client`: a call to somebody else; `server`: somebody's call to us. Neither: work of our own. */
  kind?: 'client' | 'server'
  attributes?: SpanAttributes
}

/** A span that has begun, and ends when it is told to. */
export interface OpenSpan {
  /** Runs something within: spans that it begins are below this one. */
  run<T>(work: () => T): T
  set(attributes: SpanAttributes): void
  /** Marks it as failed, by the class of the error and no more: messages may hold what callers wrote. */
  fail(error: unknown): void
  end(): void
}

const KINDS = { client: SpanKind.CLIENT, server: SpanKind.SERVER }

/** Begins a span below the current one. Whoever begins it MUST end it. */
export function startSpan(name: string, { kind, attributes = {} }: SpanOptions = {}): OpenSpan {
  const span = trace
    .getTracer('reelay')
    .startSpan(name, { kind: kind === undefined ? SpanKind.INTERNAL : KINDS[kind], attributes })
  const within = trace.setSpan(context.active(), span)
  return {
    run: (work) => context.with(within, work),
    set: (more) => {
      span.setAttributes(more)
    },
    fail: (error) => {
      span.setStatus({ code: SpanStatusCode.ERROR, message: toErrorName(error) })
    },
    end: () => span.end(),
  }
}

/** Runs something as a span below the current one, which fails when it does. */
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
 * The current span, for whoever goes on with its trace later or elsewhere; null without one.
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function currentTraceParent(): string | null {
  const span = trace.getSpanContext(context.active())
  if (!span || !isSpanContextValid(span)) return null
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`
}

const TRACE_PARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/

/** Runs something within a trace that began elsewhere; one that cannot be read, or null, changes nothing. */
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
