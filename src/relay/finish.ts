import { FalError } from '../adapters/fal.ts'
import { createFailure, type Failure, toFailure } from '../jobs/failure.ts'
import type { Model, VideoResult } from '../jobs/models.ts'
import type { Ending } from '../jobs/relay-jobs.ts'
import { nextDelayMs } from './delay.ts'
import type { Completed } from './follow.ts'
import type { Hold, RelayDeps } from './hold.ts'

/** How long a result that fal has, but does not hand out, is asked for, in milliseconds. fal keeps results for an hour. */
const RESULT_PATIENCE_MS = 15 * 60_000

/** fal's error type of a request that was canceled. @see https://docs.fal.ai/request-errors */
const CANCELED_BY_CALLER = 'client_cancelled'

/** Takes the result of a completed request and tells how the job ends. */
export async function finishRequest(
  deps: RelayDeps,
  hold: Hold,
  model: Model,
  requestId: string,
  completed: Completed,
): Promise<Ending> {
  const { fal, random, onError } = deps
  if (completed.errorType === CANCELED_BY_CALLER) return { status: 'CANCELED' }
  const deadline = Date.now() + RESULT_PATIENCE_MS
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await fal.result(model.endpoint, requestId, { signal: hold.signal })
      if (completed.error !== null || completed.errorType !== null) return failed(reportedFailure(model, completed))
      return readVideo(deps, model, answer)
    } catch (error) {
      if (!(error instanceof FalError)) throw error
      const ending = judgeResult(model, completed, error, { attempt, patient: Date.now() < deadline })
      if (ending !== 'again') return ending
      if (attempt === 1) onError(error, { stage: 'result', jobId: hold.claim.jobId })
      await hold.alarm.sleep(Math.max(error.retryAfterMs ?? 0, nextDelayMs(attempt, random())), hold.signal)
    }
  }
}

/** What a failed call for the result means. A failure of the call is not one of the job; only fal's word is. */
export function judgeResult(
  model: Model,
  completed: Completed,
  error: FalError,
  { attempt, patient }: { attempt: number; patient: boolean },
): Ending | 'again' {
  if (error.errorType === CANCELED_BY_CALLER) return { status: 'CANCELED' }
  // With issues it is the model speaking, whatever the HTTP status; a bare 4xx is a refusal.
  if (error.issues.length > 0 || error.kind === 'rejected') return failed(toFailure(model, error))
  if (completed.error !== null || completed.errorType !== null) return failed(reportedFailure(model, completed))
  if (error.kind === 'not-found' && attempt >= 3)
    return failed(
      createFailure('RESULT_EXPIRED', 'fal no longer has the result of this request.', {
        providerCode: error.errorType,
      }),
    )
  return patient ? 'again' : failed(toFailure(model, error))
}

/** The failure that fal's status itself reports. */
function reportedFailure(model: Model, { error, errorType }: Completed): Failure {
  return toFailure(model, {
    kind: 'unavailable',
    errorType,
    issues: [],
    message: error ?? `fal reports the failure "${errorType}".`,
  })
}

function readVideo({ fal, onError }: RelayDeps, model: Model, answer: unknown): Ending {
  let video: VideoResult
  try {
    video = model.readResult(answer)
  } catch (error) {
    onError(error, { stage: 'read result' })
    return failed(createFailure('PROVIDER_ERROR', 'fal completed the request, but its answer has no video.'))
  }
  if (!fal.isMediaUrl(video.url))
    return failed(
      createFailure(
        'PROVIDER_ERROR',
        "fal's answer names a video at a host that results may not come from (FAL_MEDIA_HOSTS).",
      ),
    )
  return { status: 'SUCCEEDED', video }
}

function failed(failure: Failure): Ending {
  return { status: 'FAILED', failure }
}
