import { FalError } from '../adapters/fal.ts'
import { createFailure, type Failure, toFailure } from '../jobs/failure.ts'
import type { Model, VideoResult } from '../jobs/models.ts'
import type { Ending } from '../jobs/relay-jobs.ts'
import { longerMs, nextDelayMs } from './delay.ts'
import type { Followed } from './follow.ts'
import type { Hold, RelayDeps } from './hold.ts'

/** How long a result that fal has, but does not hand out, is asked for, in milliseconds: fal keeps results for an hour. */
const PATIENCE_MS = 3600_000

/** How long a refusal of the result may be one of a moment, in milliseconds: "not found" or "in progress" just after COMPLETED. */
const GRACE_MS = 20_000
/** The same after a cancel, which is the likely reason; but a video that was made in spite of it is billed. */
const CANCELED_GRACE_MS = 3_000
/** Longest pause between two calls for it, whatever fal asks for: it may not last. In milliseconds. */
const LONGEST_MS = 30_000

/** fal's error type of a request that was canceled. @see https://docs.fal.ai/request-errors */
const CANCELED_BY_CALLER = 'client_cancelled'

/** Takes the result of a completed request and tells how the job ends. */
export async function finishRequest(
  deps: RelayDeps,
  hold: Hold,
  { model, requestId, followed }: { model: Model; requestId: string; followed: Followed },
): Promise<Ending> {
  const { fal, random, onError } = deps
  const { completed, canceled } = followed
  const reportsError = completed.error !== null || completed.errorType !== null
  if (completed.errorType === CANCELED_BY_CALLER || (canceled && reportsError)) return { status: 'CANCELED' }
  const since = performance.now()
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await fal.result(model.endpoint, requestId, { signal: hold.signal })
      return reportsError ? failed(reportedFailure(model, completed)) : readVideo(deps, model, answer)
    } catch (error) {
      if (!(error instanceof FalError)) throw error
      const ending = judgeResult(model, followed, error, performance.now() - since)
      if (ending !== 'again') return ending
      if (attempt === 1) onError(error, { stage: 'result', jobId: hold.claim.jobId })
      await hold.alarm.sleep(longerMs(nextDelayMs(attempt, random()), error, LONGEST_MS), hold.signal)
    }
  }
}

/**
 * What a failed call for the result means. A failure of the call is not one of the job; only fal's word is.
 * @param waitedMs - since the first call for it
 */
export function judgeResult(
  model: Model,
  { completed, canceled }: Followed,
  error: FalError,
  waitedMs: number,
): Ending | 'again' {
  const isRefusal = error.kind === 'rejected' || error.kind === 'not-found'
  if (error.errorType === CANCELED_BY_CALLER) return { status: 'CANCELED' }
  if (canceled && isRefusal) return waitedMs < CANCELED_GRACE_MS ? 'again' : { status: 'CANCELED' }
  // With issues, or a refusal with a type of its own, it is the model speaking.
  if (error.issues.length > 0 || (error.kind === 'rejected' && error.errorType !== null))
    return failed(toFailure(model, error))
  if (completed.error !== null || completed.errorType !== null) return failed(reportedFailure(model, completed))
  if (waitedMs < (isRefusal ? GRACE_MS : PATIENCE_MS)) return 'again'
  return error.kind === 'not-found'
    ? failed(
        createFailure('RESULT_EXPIRED', 'fal no longer has the result of this request.', {
          providerCode: error.errorType,
        }),
      )
    : failed(toFailure(model, error))
}

/** The failure that fal's status itself reports. */
function reportedFailure(model: Model, { error, errorType }: Followed['completed']): Failure {
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
