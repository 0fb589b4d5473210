import { ZodError } from 'zod'
import { FalError } from '../adapters/fal/errors.ts'
import { backoffMs, FAL_BACKOFF, withRetryAfter } from '../backoff.ts'
import { shorten } from '../errors.ts'
import type { Ending } from '../jobs/ending.ts'
import { createFailure, type Failure, toFailure } from '../jobs/failure.ts'
import type { Model, VideoResult } from '../jobs/models.ts'
import type { ClaimContext, RelayDeps } from './claim-context.ts'
import { CANCELED_BY_CALLER, failed, isRefusalOfFal, refused, withheld } from './endings.ts'
import { createFalOutage } from './fal-outage.ts'
import type { Followed } from './follow.ts'

/** How long a result that fal has, but does not hand out, is asked for, in milliseconds: fal keeps results for an hour. */
const PATIENCE_MS = 3600_000

/** How long a refusal of the result may be one of a moment, in milliseconds: "not found" or "in progress" just after COMPLETED. */
const GRACE_MS = 20_000
/** The same after a cancel, which is the likely reason; but a video that was made in spite of it is billed. */
const CANCELED_GRACE_MS = 3_000
/** Longest pause between two calls for it, whatever fal asks for: it may not last. In milliseconds. */
const LONGEST_MS = 30_000

/** Takes the result of a completed request and tells how the job ends. */
export async function finishRequest(
  deps: RelayDeps,
  context: ClaimContext,
  { model, requestId, followed }: { model: Model; requestId: string; followed: Followed },
): Promise<Ending> {
  const { fal, random, onError } = deps
  const { completed, canceled } = followed
  const reportsError = completed.error !== null || completed.errorType !== null
  if (completed.errorType === CANCELED_BY_CALLER || (canceled && reportsError)) return { status: 'CANCELED' }
  const outage = createFalOutage(deps, context, { stage: 'result', giveUpMs: PATIENCE_MS })
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await fal.result(model.endpoint, requestId, { signal: context.signal })
      return reportsError ? failed(reportedFailure(model, completed)) : takeAnswer(deps, context, model, answer)
    } catch (error) {
      if (!(error instanceof FalError)) throw error
      const ending = judgeResult(model, followed, error, outage.begin())
      if (ending !== 'again') {
        if (ending.kept) onError(toGivenUp(error), { stage: 'result', jobId: context.claim.jobId })
        return ending
      }
      await outage.report(error)
      await context.wakeUp.wait(
        withRetryAfter(backoffMs(attempt, FAL_BACKOFF, random()), error, LONGEST_MS),
        context.signal,
      )
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
  const isRefusal = isRefusalOfFal(error)
  if (error.errorType === CANCELED_BY_CALLER) return { status: 'CANCELED' }
  if (canceled && isRefusal) return waitedMs < CANCELED_GRACE_MS ? 'again' : { status: 'CANCELED' }
  // With issues, or a refusal with a type of its own, it is the model speaking.
  if (error.issues.length > 0 || (error.kind === 'rejected' && error.errorType !== null))
    return failed(toFailure(model, error))
  if (completed.error !== null || completed.errorType !== null) return failed(reportedFailure(model, completed))
  if (waitedMs < (isRefusal ? GRACE_MS : PATIENCE_MS)) return 'again'
  if (isRefusal && error.kind === 'not-found')
    return failed(
      createFailure('RESULT_EXPIRED', 'fal no longer has the result of this request.', {
        providerCode: error.errorType,
      }),
    )
  if (isRefusal) return failed(toFailure(model, error))
  return withheld(model, error)
}

function toGivenUp({ kind, message, status }: FalError): FalError {
  const text = `the result is given up after an hour: ${shorten(message, 200)}. Its request is kept: retry the job to ask for its video again; it is not made again`
  return new FalError(kind, text, { status })
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

/**
 * Ends the job with the video that fal's answer names. An answer that cannot be taken is paid for all the same: it is kept,
 * and the operator is told what to change.
 */
export function takeAnswer(
  { fal, onError }: Pick<RelayDeps, 'fal' | 'onError'>,
  context: ClaimContext,
  model: Model,
  answer: unknown,
): Ending {
  const refuse = (message: string, remedy: string) => {
    onError(new FalError('unreadable', remedy), { stage: 'result', jobId: context.claim.jobId })
    return refused(message, toJson(answer))
  }
  const read = readVideo(model, answer)
  if (read.video === null)
    return refuse(
      `fal completed the request, but this server finds no video in its answer. Ask the operator, who finds it in the database.`,
      `fal's answer has no video that can be read (${shorten(read.reason, 150)}). It is kept in the table KeptResult; if fal has changed its model, upgrade, then retry the job: nothing is paid twice`,
    )
  const { video } = read
  if (fal.isMediaUrl(video.url)) return { status: 'SUCCEEDED', video }
  const { hostname, username, password } = new URL(video.url)
  const host = shorten(hostname, 100)
  if (username !== '' || password !== '')
    return refuse(
      `The video was made, but its address has a user name or a password in it, so this server does not take it.`,
      `fal's answer names a video at ${host} with a user name or a password in its address. It is kept in the table KeptResult`,
    )
  return refuse(
    `The video was made, but it is at ${host}, which this server takes no videos from. Ask the operator to add that host to FAL_MEDIA_HOSTS.`,
    `the video is at ${host}: add ${host} to FAL_MEDIA_HOSTS and restart, then retry the job: its video is paid for and is not made again`,
  )
}

function readVideo(
  model: Model,
  answer: unknown,
): { video: VideoResult; reason?: never } | { video: null; reason: string } {
  try {
    return { video: model.readResult(answer) }
  } catch (error) {
    if (!(error instanceof ZodError)) throw error
    const [issue] = error.issues
    return { video: null, reason: issue ? `${issue.path.join('.') || 'the whole'}: ${issue.message}` : 'unknown' }
  }
}

/** Null for what is nested too deeply to be written. */
function toJson(answer: unknown): string | null {
  try {
    return JSON.stringify(answer)
  } catch {
    return null
  }
}
