import { FalError } from '../adapters/fal/errors.ts'
import { backoffMs, FAL_BACKOFF, withRetryAfter } from '../backoff.ts'
import { shorten } from '../errors.ts'
import { type Ending, failed } from '../jobs/ending.ts'
import { createFailure, type Failure, toFailure } from '../jobs/failure.ts'
import type { Model } from '../jobs/models.ts'
import type { ClaimContext, RelayDeps } from './claim-context.ts'
import { CANCELED_BY_CALLER, isRefusalOfFal, refused, withheld } from './endings.ts'
import { createFalOutage } from './fal-outage.ts'
import type { Followed } from './follow.ts'

/** How long calls for the result are repeated, in milliseconds: fal keeps results for an hour. */
const MAX_WAIT_MS = 3600_000

/** How long a refusal of the result may be transient, in milliseconds: "not found" or "in progress" just after COMPLETED. */
const GRACE_MS = 20_000
/** The same after a cancel, which is the likely reason. A video that was made all the same is billed. */
const CANCELED_GRACE_MS = 3_000
/** Longest `Retry-After` that is obeyed, in milliseconds: the result may expire before. */
const MAX_RETRY_AFTER_MS = 30_000

/** Fetches the result of a completed request. Resolves to the job's ending. */
export async function finishRequest(
  deps: RelayDeps,
  context: ClaimContext,
  { model, requestId, followed }: { model: Model; requestId: string; followed: Followed },
): Promise<Ending> {
  const { fal, random, onError } = deps
  const { completed, canceled } = followed
  const reportsError = completed.error !== null || completed.errorType !== null
  if (completed.errorType === CANCELED_BY_CALLER || (canceled && reportsError)) return { status: 'CANCELED' }
  const outage = createFalOutage(deps, context, { stage: 'result', giveUpMs: MAX_WAIT_MS })
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await fal.result(model.endpoint, requestId, { signal: context.signal })
      return reportsError ? failed(reportedFailure(model, completed)) : toEnding(deps, context, model, answer)
    } catch (error) {
      if (!(error instanceof FalError)) throw error
      const ending = judgeResult(model, followed, error, outage.begin())
      if (ending !== 'retry') {
        if (ending.kept) onError(toGivenUpError(error), { stage: 'result', jobId: context.claim.jobId })
        return ending
      }
      await outage.report(error)
      await context.wakeUp.wait(
        withRetryAfter(backoffMs(attempt, FAL_BACKOFF, random()), error, MAX_RETRY_AFTER_MS),
        context.signal,
      )
    }
  }
}

/**
 * Decides on a failed call for the result. A failed call does not fail the job; a failure that fal reports does.
 * @param waitedMs - since the first failed call
 */
export function judgeResult(
  model: Model,
  { completed, canceled }: Followed,
  error: FalError,
  waitedMs: number,
): Ending | 'retry' {
  const isRefusal = isRefusalOfFal(error)
  if (error.errorType === CANCELED_BY_CALLER) return { status: 'CANCELED' }
  if (canceled && isRefusal) return waitedMs < CANCELED_GRACE_MS ? 'retry' : { status: 'CANCELED' }
  // Issues, and a refusal with an error type, come from the model.
  if (error.issues.length > 0 || (error.kind === 'rejected' && error.errorType !== null))
    return failed(toFailure(model, error))
  if (completed.error !== null || completed.errorType !== null) return failed(reportedFailure(model, completed))
  if (waitedMs < (isRefusal ? GRACE_MS : MAX_WAIT_MS)) return 'retry'
  if (isRefusal && error.kind === 'not-found')
    return failed(
      createFailure('RESULT_EXPIRED', 'fal no longer has the result of this request.', {
        providerCode: error.errorType,
      }),
    )
  if (isRefusal) return failed(toFailure(model, error))
  return withheld(model, error)
}

function toGivenUpError({ kind, message, status }: FalError): FalError {
  const text = `the result was not available within an hour: ${shorten(message, 200)}. The request is kept: retry the job to fetch its video without a second charge`
  return new FalError(kind, text, { status })
}

/** The failure in fal's status. */
function reportedFailure(model: Model, { error, errorType }: Followed['completed']): Failure {
  return toFailure(model, {
    kind: 'unavailable',
    errorType,
    issues: [],
    message: error ?? `fal reports the failure "${errorType}".`,
  })
}

/**
 * The ending by the result of a completed request. A result that cannot be used is billed all the same: it is kept, and the
 * operator gets a report with the remedy.
 */
export function toEnding(
  { fal, onError }: Pick<RelayDeps, 'fal' | 'onError'>,
  context: ClaimContext,
  model: Model,
  answer: unknown,
): Ending {
  const refuse = (message: string, remedy: string) => {
    onError(new FalError('unreadable', remedy), { stage: 'result', jobId: context.claim.jobId })
    return refused(message, toJson(answer))
  }
  const { data: video, error } = model.result.safeParse(answer)
  if (error) {
    const [issue] = error.issues
    const reason = issue ? `${issue.path.join('.') || 'the answer'}: ${issue.message}` : 'unknown'
    return refuse(
      `fal completed the request, but this server finds no video in its answer. Ask the operator: the database has the answer.`,
      `fal's answer has no video that can be read (${shorten(reason, 150)}). The answer is in the table KeptResult. If fal has changed its model, upgrade, then retry the job: there is no second charge`,
    )
  }
  if (fal.isMediaUrl(video.url)) return { status: 'SUCCEEDED', video }
  const { hostname, username, password } = new URL(video.url)
  const host = shorten(hostname, 100)
  if (username !== '' || password !== '')
    return refuse(
      `The video was made, but its URL has a user name or a password in it, so this server does not accept it.`,
      `fal's answer names a video at ${host} with a user name or a password in its URL. The answer is in the table KeptResult`,
    )
  return refuse(
    `The video was made, but it is at ${host}, which this server does not accept videos from. Ask the operator to add that host to FAL_MEDIA_HOSTS.`,
    `the video is at ${host}: add ${host} to FAL_MEDIA_HOSTS and restart, then retry the job: there is no second charge`,
  )
}

/** Null for what is nested too deeply to be written. */
function toJson(answer: unknown): string | null {
  try {
    return JSON.stringify(answer)
  } catch {
    return null
  }
}
