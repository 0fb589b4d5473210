import { ZodError } from 'zod'
import { FalError } from '../adapters/fal/errors.ts'
import type { Model } from '../jobs/models.ts'
import type { ClaimContext, RelayDeps } from './claim-context.ts'
import { CANCELED_BY_CALLER } from './endings.ts'
import type { Completed } from './status-feed.ts'

/** What the result tells where the status does not: that the request has ended; or an answer that cannot be read. */
export interface Probed {
  completed: Completed | null
  unreadable: string | null
}

/** The request has ended, and its result says how. */
const ENDED: Probed = {
  completed: { state: 'COMPLETED', error: null, errorType: null, logs: [] },
  unreadable: null,
}

/** Asks for the result of a request whose status cannot be had: it is there while whatever tells the status is broken. */
export async function probeResult(
  { fal }: RelayDeps,
  { signal }: ClaimContext,
  { model, requestId }: { model: Model; requestId: string },
): Promise<Probed> {
  try {
    const answer = await fal.result(model.endpoint, requestId, { signal })
    return hasVideo(model, answer) ? ENDED : { completed: null, unreadable: null }
  } catch (error) {
    if (!(error instanceof FalError)) throw error
    // Untyped, a refusal may say that the request is still in progress.
    if (error.issues.length > 0 || error.errorType === CANCELED_BY_CALLER) return ENDED
    return { completed: null, unreadable: error.kind === 'unreadable' ? error.body : null }
  }
}

/** Nobody says what is answered while a request runs: only a video shows that it has ended. */
function hasVideo(model: Model, answer: unknown): boolean {
  try {
    model.readResult(answer)
    return true
  } catch (error) {
    if (error instanceof ZodError) return false
    throw error
  }
}
