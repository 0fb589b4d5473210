import type { Fal } from './fal.ts'
import { FalError, type FalErrorKind } from './fal-error.ts'

/** A call that has come to its end. */
export interface ObservedCall {
  call: Exclude<keyof Fal, 'isMediaUrl'>
  /** `aborted`: the caller wanted the answer no longer. */
  outcome: 'ok' | 'aborted' | FalErrorKind
  seconds: number
}

/** The same fal, whose calls are told when they end; what `onCall` is told of a `watch` is how all of it came out. */
export function observeFal(fal: Fal, onCall: (observed: ObservedCall) => void): Fal {
  function start(call: ObservedCall['call']): (outcome: ObservedCall['outcome']) => void {
    const startedAt = performance.now()
    return (outcome) => onCall({ call, outcome, seconds: (performance.now() - startedAt) / 1000 })
  }

  async function observe<T>(call: ObservedCall['call'], send: () => Promise<T>): Promise<T> {
    const end = start(call)
    try {
      const answer = await send()
      end('ok')
      return answer
    } catch (error) {
      end(toOutcome(error))
      throw error
    }
  }

  return {
    submit: (...args) => observe('submit', () => fal.submit(...args)),
    status: (...args) => observe('status', () => fal.status(...args)),
    result: (...args) => observe('result', () => fal.result(...args)),
    cancel: (...args) => observe('cancel', () => fal.cancel(...args)),
    upload: (...args) => observe('upload', () => fal.upload(...args)),
    async *watch(...args) {
      const end = start('watch')
      // Whoever leaves before the end says so by `return`, which is no error.
      let outcome: ObservedCall['outcome'] = 'aborted'
      try {
        for await (const status of fal.watch(...args)) {
          if (status.state === 'COMPLETED') outcome = 'ok'
          yield status
        }
      } catch (error) {
        // Left after COMPLETED, its connection may break: it has said all.
        if (outcome !== 'ok') outcome = toOutcome(error)
        throw error
      } finally {
        end(outcome)
      }
    },
    isMediaUrl: (url) => fal.isMediaUrl(url),
  }
}

/** What is no FalError is the reason of the caller's signal. */
function toOutcome(error: unknown): ObservedCall['outcome'] {
  return error instanceof FalError ? error.kind : 'aborted'
}
