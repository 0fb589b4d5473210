import { FalError } from '../adapters/fal/errors.ts'
import { backoffMs, FAL_BACKOFF, withRetryAfter } from '../backoff.ts'
import type { ClaimContext, RelayDeps } from './claim-context.ts'
import type { Course } from './course.ts'

/** The way of a cancel to fal, once somebody has asked for it. */
export interface CancelRelay {
  /** When fal acknowledged it, by `performance.now()`; null before. */
  readonly confirmedAt: number | null
  /** When it is to be tried again: fal did not take it. */
  readonly againAt: number
  /** Passes it on if it is due. That fal does not take it says nothing of the request: the status tells how that stands. */
  pass(): Promise<void>
}

/** Longest pause between two tries, whatever fal asks for, in milliseconds. */
const LONGEST_MS = 30_000

export function createCancelRelay(
  { fal, random, onError }: RelayDeps,
  context: ClaimContext,
  { course, endpoint, requestId }: { course: Course; endpoint: string; requestId: string },
): CancelRelay {
  let confirmedAt: number | null = null
  let againAt = 0
  let failed = 0
  return {
    get confirmedAt() {
      return confirmedAt
    },
    get againAt() {
      return againAt
    },
    pass: async () => {
      if (course.status !== 'CANCELING' || confirmedAt !== null || performance.now() < againAt) return
      try {
        // ALREADY_COMPLETED and NOT_FOUND: the status tells how it ended.
        const outcome = await fal.cancel(endpoint, requestId, { signal: context.signal })
        if (outcome === 'REQUESTED') confirmedAt = performance.now()
      } catch (error) {
        if (!(error instanceof FalError)) throw error
        failed++
        if (failed === 1) onError(error, { stage: 'cancel', jobId: context.claim.jobId })
        againAt = performance.now() + withRetryAfter(backoffMs(failed, FAL_BACKOFF, random()), error, LONGEST_MS)
      }
    },
  }
}
