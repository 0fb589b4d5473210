import pLimit from 'p-limit'
import { FalError } from '../adapters/fal/errors.ts'
import type { FalSubmitted } from '../adapters/fal/types.ts'
import { withSpan } from '../adapters/telemetry/trace.ts'
import { backoffMs, DATABASE_BACKOFF } from '../backoff.ts'
import { DatabaseUnavailableError } from '../errors.ts'
import type { ReadJob } from '../jobs/claimed-jobs.ts'
import type { Ending } from '../jobs/ending.ts'
import { createFailure, toFailure } from '../jobs/failure.ts'
import { type Model, toFalInput } from '../jobs/models.ts'
import { type PauseState, toPauseReason, toProviderState } from '../jobs/provider.ts'
import type { Permit } from './circuit-breaker.ts'
import { type ClaimContext, ClaimLostError, type RelayDeps } from './claim-context.ts'
import { appendNotice, warnOnce } from './notice.ts'

/** fal has the request, or the job has ended, or the row may have changed: read it again. */
export type SubmitOutcome = FalSubmitted | { ending: Ending } | 'changed'

/**
 * How long a submit that has left may be without a word in the row, in milliseconds: the adapter gives fal 30 s to
 * answer, and whoever sent it saves the answer as soon as the database lets it.
 */
const ANSWER_MS = 45_000

/** Between the look at the row, whose time is the mark, and the POST no more than this may pass, in milliseconds; it is less than others wait for the answer. */
const STALE_MS = 10_000

/** A backstop for whoever waits to be rung, in milliseconds. */
const LOOK_MS = 60_000
/** How long a job waits at the gate before that is told, in milliseconds: a limit of a few seconds is nobody's business. */
const TELL_PAUSE_MS = 5_000
/** The same for whoever waits for an answer that another process may save without ringing here. */
const ANSWER_LOOK_MS = 10_000

/**
 * How long a hold looks for an answer before it gives one up whose time is over, in milliseconds. While the database was
 * away nobody could save it; whoever sent the submit tries again some seconds after its return.
 */
const WATCH_MS = 10_000

/** How often an upload may fail before the job does; with back-off, some minutes. */
const MAX_UPLOADS = 12

/** Uploads at once in a process: each has an image of up to 10 MiB in memory, and jobs come by the thousand. */
const uploading = pLimit(4)

/** What has come of a job's submit under one hold. */
export interface SubmitTries {
  failedUploads: number
  /** Whether those who watch know why nothing moves. */
  hasToldWait: boolean
  /** Since when the job has waited at the gate, by `performance.now()`; null when it has not. */
  waitingSince: number | null
  /** Of what kinds of pauses those who watch know: fal may go to and fro between two. */
  toldPauses: Set<PauseState>
  /** Since when an answer has been looked for while the database was there, by `performance.now()`. */
  watchingSince: number | null
}

/**
 * Brings a job to fal, at most once. The row says that a submit is leaving before it leaves, and has fal's id right
 * after the answer; a submit without an answer is not repeated.
 * @param askedAt - when this process asked for the row, by its own clock in milliseconds
 */
export async function submitJob(
  deps: RelayDeps,
  context: ClaimContext,
  { job, askedAt, model, tries }: { job: ReadJob; askedAt: number; model: Model; tries: SubmitTries },
): Promise<SubmitOutcome> {
  if (job.submittingAt !== null) {
    const sinceMs = job.readAt.getTime() - job.submittingAt.getTime()
    return await waitForAnswer(deps, context, { sinceMs, tries })
  }
  using permit = deps.breaker.acquire()
  if (!permit) {
    await waitForBreaker(deps, context, tries)
    return 'changed'
  }
  const { imageUrl } = job
  // Waits come before this: they would be a span a second.
  return await withSpan('submit', {}, () =>
    imageUrl === null
      ? uploading(() => uploadImage(deps, context, { model, tries, permit }))
      : sendJob(deps, context, { job: { ...job, imageUrl }, askedAt, model, permit }),
  )
}

async function sendJob(
  deps: RelayDeps,
  context: ClaimContext,
  {
    job,
    askedAt,
    model,
    permit,
  }: { job: ReadJob & { imageUrl: string }; askedAt: number; model: Model; permit: Permit },
): Promise<SubmitOutcome> {
  const { jobs, fal, webhookUrl, onError } = deps
  const input = toFalInput(model, job)
  const mark = job.readAt
  if (!(await markSubmitting(deps, context, mark))) return 'changed'
  // Slept, or stopped, since the row was asked for: others may have given the answer up by the time it came. The machine's
  // own clock goes on while it sleeps, which a monotonic one may not.
  if (Date.now() - askedAt > STALE_MS) {
    await persist(deps, context, () => jobs.unmarkSubmitting(job.id, mark))
    return 'changed'
  }
  try {
    const webhook = webhookUrl && { webhookUrl: webhookUrl(job.id) }
    // Without the hold's signal: once it has left, its answer is waited for, whoever holds the job by then.
    const submitted = await fal.submit(model.endpoint, input, webhook ?? {})
    permit.succeeded()
    const saved = await persist(deps, context, () => jobs.saveRequest(job.id, mark, submitted.requestId))
    if (saved === 'saved') return submitted
    // Two jobs cannot wait for one video, and which of them fal meant it alone knows. The id is for the operator only.
    const error = new FalError('unreadable', `fal answered with another job's request, ${submitted.requestId}`)
    onError(error, { stage: 'submit', jobId: job.id })
    const message =
      "fal answered with a request that is another job's, so what became of this one is not known. It was not sent twice: retry the job if you want it sent again."
    return { ending: { status: 'FAILED', failure: createFailure('SUBMIT_UNKNOWN', message) } }
  } catch (error) {
    if (!(error instanceof FalError)) throw error
    permit.failed(error)
    const verdict = judgeSubmit(error)
    if (verdict === 'unknown') {
      onError(error, { stage: 'submit', jobId: job.id })
      return webhookUrl ? 'changed' : { ending: unknownOutcome(error) }
    }
    if (verdict === 'refused') return { ending: refused(model, error) }
    // Nothing reached fal, or fal said that it did not take it: asking again cannot pay twice.
    await persist(deps, context, () => jobs.unmarkSubmitting(job.id, mark))
    return 'changed'
  }
}

/** False when there is nothing to send: the job, or its hold, is another than before. */
async function markSubmitting(deps: RelayDeps, context: ClaimContext, mark: Date): Promise<boolean> {
  const { jobs } = deps
  try {
    return await jobs.markSubmitting(context.claim, mark)
  } catch (error) {
    if (!(error instanceof DatabaseUnavailableError)) throw error
    // It may be in the row, and would look like a submit whose answer is lost. Nothing has left: it is taken back.
    await persist(
      deps,
      context,
      async () => (await jobs.unmarkSubmitting(context.claim.jobId, mark)) || 'was not there',
    )
    return false
  }
}

/** What a failed submit means. */
export function judgeSubmit(error: FalError): 'refused' | 'again' | 'unknown' {
  switch (error.kind) {
    case 'rejected':
    case 'not-found':
      return 'refused'
    // The key is the operator's business: jobs wait for it, they are not failed one by one.
    case 'auth':
    case 'rate-limited':
    case 'not-sent':
      return 'again'
    case 'unavailable':
    case 'interrupted':
    case 'unreadable':
      return 'unknown'
  }
}

/** Until the gate may be open, the job's row has something to tell, or the wait is long enough to be told. */
async function waitForBreaker(deps: RelayDeps, context: ClaimContext, tries: SubmitTries): Promise<void> {
  const { breaker } = deps
  tries.waitingSince ??= performance.now()
  const stopWaiting = breaker.wait(context.wakeUp.notify)
  try {
    const isTold = breaker.paused === null || tries.toldPauses.has(toProviderState(breaker.paused.error))
    const untilToldMs = Math.max(0, tries.waitingSince + TELL_PAUSE_MS - performance.now())
    const isRung = await context.wakeUp.wait(isTold ? LOOK_MS : untilToldMs, context.signal)
    const { paused } = breaker
    if (isRung || isTold || paused === null) return
    await warnOnce(deps, context, toPauseReason(paused.error))
    tries.toldPauses.add(toProviderState(paused.error))
  } finally {
    stopWaiting()
  }
}

/**
 * A submit left `sinceMs` ago, by the database's clock, whose answer is not in the row. Its sender may still be about to save it; and where fal has our address,
 * its webhook brings the request's id when the video is done.
 */
async function waitForAnswer(
  deps: RelayDeps,
  context: ClaimContext,
  { sinceMs, tries }: { sinceMs: number; tries: SubmitTries },
): Promise<SubmitOutcome> {
  tries.watchingSince ??= performance.now()
  const dueMs = Math.max(ANSWER_MS, deps.webhookUrl ? deps.adoptionMs : 0) - sinceMs
  const leftMs = Math.max(dueMs, tries.watchingSince + WATCH_MS - performance.now())
  if (leftMs <= 0) return { ending: unknownOutcome() }
  if (deps.webhookUrl && !tries.hasToldWait) await tellWait(deps, context)
  tries.hasToldWait = true
  await context.wakeUp.wait(Math.min(leftMs, ANSWER_LOOK_MS * (0.5 + deps.random() / 2)), context.signal)
  return 'changed'
}

/** Says to those who watch why nothing moves. */
async function tellWait(deps: RelayDeps, context: ClaimContext): Promise<void> {
  const minutes = Math.ceil(deps.adoptionMs / 60_000)
  const message = `fal did not confirm the request. It is not sent twice; fal's own message is waited for, for ${minutes} min at most.`
  await appendNotice(deps, context, 'WARN', message)
}

/** Brings the bytes of a data URI to fal's storage. It can be repeated: an upload costs nothing. */
async function uploadImage(
  { jobs, fal, onError }: RelayDeps,
  context: ClaimContext,
  { model, tries, permit }: { model: Model; tries: SubmitTries; permit: Permit },
): Promise<SubmitOutcome> {
  // Its turn may have come after the hold was lost.
  context.signal.throwIfAborted()
  const image = await jobs.readImage(context.claim)
  if (!image) throw new Error(`job ${context.claim.jobId} has neither an image URL nor an image`)
  try {
    const url = await fal.upload(image, { signal: context.signal })
    permit.succeeded()
    if (!(await jobs.saveImageUrl(context.claim, url))) throw new ClaimLostError()
    return 'changed'
  } catch (error) {
    if (!(error instanceof FalError)) throw error
    permit.failed(error)
    const verdict = judgeSubmit(error)
    if (verdict === 'refused') return { ending: refused(model, error) }
    if (verdict === 'unknown') tries.failedUploads++
    if (tries.failedUploads >= MAX_UPLOADS) {
      const message = `The picture could not be brought to fal's storage: ${error.message}`
      return { ending: { status: 'FAILED', failure: createFailure('PROVIDER_UNAVAILABLE', message) } }
    }
    if (tries.failedUploads === 1) onError(error, { stage: 'upload', jobId: context.claim.jobId })
    return 'changed'
  }
}

/**
 * Saves what became of a submit, however long it takes and whoever holds the job by now: letting go of fal's id would
 * be a video paid for and lost. The mark is its fence: only the submit that set it may say how it ended.
 */
async function persist<Saved>(
  { notifier, random, onError }: RelayDeps,
  { claim: { jobId }, signal }: ClaimContext,
  save: () => Promise<Saved | false>,
): Promise<Saved> {
  for (let attempt = 1; ; attempt++) {
    try {
      const saved = await save()
      if (saved === false) throw new ClaimLostError()
      // Who took the job over meanwhile waits for this.
      if (attempt > 1 || signal.aborted) notifier.emit('jobChanged', jobId)
      return saved
    } catch (error) {
      if (error instanceof ClaimLostError) throw error
      onError(error, { stage: 'save the answer of a submit', jobId })
      await new Promise((resolve) => setTimeout(resolve, backoffMs(attempt, DATABASE_BACKOFF, random())))
    }
  }
}

function refused(model: Model, error: FalError): Ending {
  // fal not knowing the endpoint is not the caller's mistake, and there is no result that could have expired.
  const failure = toFailure(model, error)
  return {
    status: 'FAILED',
    failure: error.kind === 'not-found' ? { ...failure, code: 'PROVIDER_ERROR', retryable: true } : failure,
  }
}

function unknownOutcome(error?: FalError): Ending {
  const message =
    'fal did not confirm the request, so it may or may not have been accepted. It was not sent twice: retry the job if you want it sent again.'
  return {
    status: 'FAILED',
    failure: createFailure('SUBMIT_UNKNOWN', message, { providerCode: error?.errorType ?? null }),
  }
}
