import { FalError } from '../adapters/fal/errors.ts'
import type { Model } from '../jobs/models.ts'
import type { ClaimContext, RelayDeps } from './claim-context.ts'
import { CANCELED_BY_CALLER } from './endings.ts'
import type { Completed } from './status-feed.ts'

/** The request has completed, and its result says how. */
const COMPLETED: Completed = { state: 'COMPLETED', error: null, errorType: null, logs: [] }

/**
 * Fetches the result of a request whose status is unavailable: the result may be there all the same. Resolves to the text
 * of a result that cannot be read when nothing shows that the request has completed.
 */
export async function probeResult(
  { fal }: RelayDeps,
  { signal }: ClaimContext,
  { model, requestId }: { model: Model; requestId: string },
): Promise<Completed | { unreadable: string | null }> {
  try {
    const answer = await fal.result(model.endpoint, requestId, { signal })
    // fal does not document the result of a running request: only a video shows that it has completed.
    return model.result.safeParse(answer).success ? COMPLETED : { unreadable: null }
  } catch (error) {
    if (!(error instanceof FalError)) throw error
    // A refusal without a type may mean that the request is still in progress.
    if (error.issues.length > 0 || error.errorType === CANCELED_BY_CALLER) return COMPLETED
    return { unreadable: error.kind === 'unreadable' ? error.body : null }
  }
}
