import { type SpanAttributes, startSpan } from '../telemetry/trace.ts'
import { FalError, type FalErrorKind } from './errors.ts'
import type { Fal } from './types.ts'

/** A finished call. */
export interface ObservedCall {
  call: Exclude<keyof Fal, 'isMediaUrl' | 'readResult'>
  /** `aborted`: the caller's signal aborted the call. */
  outcome: 'ok' | 'aborted' | FalErrorKind
  seconds: number
}

/**
 * Wraps the port so that every call is a span and is reported when it ends; a `watch` is reported once, with its
 * outcome. Spans contain names and IDs only, never the key or the input.
 */
export function instrumentFal(fal: Fal, onCall: (observed: ObservedCall) => void): Fal {
  function start(call: ObservedCall['call'], attributes: SpanAttributes) {
    const startedAt = performance.now()
    const span = startSpan(`fal ${call}`, { kind: 'client', attributes })
    return {
      span,
      end: (outcome: ObservedCall['outcome']): void => {
        span.set({ 'fal.outcome': outcome })
        span.end()
        onCall({ call, outcome, seconds: (performance.now() - startedAt) / 1000 })
      },
    }
  }

  async function observe<T>(
    call: ObservedCall['call'],
    attributes: SpanAttributes,
    send: (set: (attributes: SpanAttributes) => void) => Promise<T>,
  ): Promise<T> {
    const { span, end } = start(call, attributes)
    try {
      const result = await span.run(() => send(span.set))
      end('ok')
      return result
    } catch (error) {
      if (error instanceof FalError) span.fail(error)
      end(toOutcome(error))
      throw error
    }
  }

  return {
    submit: (endpoint, ...rest) =>
      observe('submit', { 'fal.endpoint': endpoint }, async (set) => {
        const submitted = await fal.submit(endpoint, ...rest)
        set({ 'fal.request_id': submitted.requestId })
        return submitted
      }),
    status: (endpoint, id, ...rest) =>
      observe('status', toAttributes(endpoint, id), () => fal.status(endpoint, id, ...rest)),
    result: (endpoint, id, ...rest) =>
      observe('result', toAttributes(endpoint, id), () => fal.result(endpoint, id, ...rest)),
    cancel: (endpoint, id, ...rest) =>
      observe('cancel', toAttributes(endpoint, id), () => fal.cancel(endpoint, id, ...rest)),
    upload: (...args) => observe('upload', {}, () => fal.upload(...args)),
    async *watch(endpoint, id, ...rest) {
      const { span, end } = start('watch', toAttributes(endpoint, id))
      // A consumer that stops early calls `return`, which is not an error.
      let outcome: ObservedCall['outcome'] = 'aborted'
      try {
        for await (const status of fal.watch(endpoint, id, ...rest)) {
          if (status.state === 'COMPLETED') outcome = 'ok'
          yield status
        }
      } catch (error) {
        // After COMPLETED the outcome is known, even if the connection breaks.
        if (outcome !== 'ok') outcome = toOutcome(error)
        if (outcome !== 'ok' && error instanceof FalError) span.fail(error)
        throw error
      } finally {
        end(outcome)
      }
    },
    readResult: (text) => fal.readResult(text),
    isMediaUrl: (url) => fal.isMediaUrl(url),
  }
}

function toAttributes(endpoint: string, requestId: string): SpanAttributes {
  return { 'fal.endpoint': endpoint, 'fal.request_id': requestId }
}

/** Any error but a FalError is the reason of the caller's signal. */
function toOutcome(error: unknown): ObservedCall['outcome'] {
  return error instanceof FalError ? error.kind : 'aborted'
}
