import { FalError } from '../adapters/fal/errors.ts'
import { backoffMs, FAL_BACKOFF, withRetryAfter } from '../backoff.ts'
import type { ClaimContext, RelayDeps } from './claim-context.ts'
import type { StatusRecorder } from './status-recorder.ts'

export type CancelRelay = Readonly<ReturnType<typeof createCancelRelay>>

/** Longest `Retry-After` of a cancel that is obeyed, in milliseconds. */
const MAX_RETRY_AFTER_MS = 30_000

/** Passes a cancel on to fal, once one was requested. */
export function createCancelRelay(
  { fal, random, onError }: RelayDeps,
  { claim, signal }: ClaimContext,
  { recorder, endpoint, requestId }: { recorder: StatusRecorder; endpoint: string; requestId: string },
) {
  let retryAt = 0
  let failures = 0
  const relay = {
    /** When fal acknowledged it, by `performance.now()`; null before. */
    confirmedAt: null as number | null,
    /** Whether the last attempt failed, so that another one is due. */
    isRefused: false,
    /** Sends the cancel if it is due. A failure says nothing about the request: its status does. */
    pass: async (): Promise<void> => {
      if (recorder.status !== 'CANCELING' || relay.confirmedAt !== null || performance.now() < retryAt) return
      try {
        const outcome = await fal.cancel(endpoint, requestId, { signal })
        relay.isRefused = false
        if (outcome === 'REQUESTED') relay.confirmedAt = performance.now()
        // ALREADY_COMPLETED, NOT_FOUND: the status shows how the request ended, in a moment.
        else retryAt = performance.now() + backoffMs(1, FAL_BACKOFF, random())
      } catch (error) {
        if (!(error instanceof FalError)) throw error
        relay.isRefused = true
        failures++
        if (failures === 1) onError(error, { stage: 'cancel', jobId: claim.jobId })
        const delayMs = withRetryAfter(backoffMs(failures, FAL_BACKOFF, random()), error, MAX_RETRY_AFTER_MS)
        retryAt = performance.now() + delayMs
      }
    },
  }
  return relay
}
