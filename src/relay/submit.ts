import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'
import { FalError } from '../adapters/fal/errors.ts'
import type { FalSubmitted } from '../adapters/fal/types.ts'
import { withSpan } from '../adapters/telemetry/trace.ts'
import { backoffMs, DATABASE_BACKOFF } from '../backoff.ts'
import { DatabaseUnavailableError } from '../errors.ts'
import type { ReadJob } from '../jobs/claimed-jobs.ts'
import { type Ending, failed } from '../jobs/ending.ts'
import { createFailure, toFailure } from '../jobs/failure.ts'
import { type Model, toFalInput } from '../jobs/models.ts'
import { type PauseState, toPauseReason, toProviderState } from '../jobs/provider.ts'
import type { Permit } from './circuit-breaker.ts'
import { type ClaimContext, ClaimLostError, type RelayDeps } from './claim-context.ts'
import { appendNotice, warnOnce } from './notice.ts'

/** fal has the request, or the job ends. 'changed': read the row again. */
type SubmitOutcome = FalSubmitted | { ending: Ending } | 'changed'

/**
 * How long the answer to a submit may be missing in the row, in milliseconds: the adapter gives fal 30 s, and the sender
 * saves the answer as soon as the database accepts it.
 */
const ANSWER_MS = 45_000

/** Longest time between reading the row, whose time is the mark, and the POST, in milliseconds. Less than `ANSWER_MS`. */
const STALE_MS = 10_000

/** Longest wait at the circuit breaker when no notification comes, in milliseconds. */
const BREAKER_POLL_MS = 60_000
/** How long a job waits at the circuit breaker before its subscribers are notified, in milliseconds. */
const NOTICE_MS = 5_000
/** Longest wait for an answer when no notification comes, in milliseconds: another process may save it. */
const ANSWER_POLL_MS = 10_000

/**
 * How long each claim waits for an overdue answer, in milliseconds. During an outage of the database no answer could be
 * saved; the sender repeats the write within seconds of the database's return.
 */
const MIN_ANSWER_WAIT_MS = 10_000

/** How often an upload may fail before the job does: some minutes, with the pauses of the circuit breaker. */
const MAX_UPLOADS = 12

/** Concurrent uploads of a process: each has an image of up to 10 MiB in memory, and thousands of jobs may wait. */
const uploading = pLimit(4)

/** The submit of one job under one claim. */
export class SubmitProgress {
  failedUploads = 0
  /** Whether subscribers know that the answer is missing. */
  hasNoticedWait = false
  /** Since when the job has waited at the circuit breaker, by `performance.now()`; null when it has not. */
  waitingSince: number | null = null
  /** Kinds of pauses that subscribers know: fal may alternate between two. */
  readonly noticedPauses = new Set<PauseState>()
  /** Since when an answer has been awaited without an outage of the database, by `performance.now()`. */
  answerAwaitedSince: number | null = null
}

/**
 * Submits a job to fal, at most once. The row is marked before the POST and has fal's id right after the answer. A submit
 * without an answer is not repeated.
 * @param askedAt - when this process began to read the row, by its own clock in milliseconds
 */
export async function submitJob(
  deps: RelayDeps,
  context: ClaimContext,
  { job, askedAt, model, progress }: { job: ReadJob; askedAt: number; model: Model; progress: SubmitProgress },
): Promise<SubmitOutcome> {
  if (job.submittingAt !== null) {
    const sinceMs = job.readAt.getTime() - job.submittingAt.getTime()
    return await waitForAnswer(deps, context, { sinceMs, progress })
  }
  using permit = deps.breaker.acquire()
  if (!permit) {
    await waitForBreaker(deps, context, progress)
    return 'changed'
  }
  // Waits are not part of the span: they would be one span per second.
  return await withSpan('submit', {}, () =>
    job.imageUrl === null
      ? uploading(() => uploadImage(deps, context, { model, progress, permit }))
      : sendJob(deps, context, { job, askedAt, model, permit }),
  )
}

async function sendJob(
  deps: RelayDeps,
  context: ClaimContext,
  { job, askedAt, model, permit }: { job: ReadJob; askedAt: number; model: Model; permit: Permit },
): Promise<SubmitOutcome> {
  const { jobs, fal, webhookUrl, onError } = deps
  const input = toFalInput(model, job)
  const mark = job.readAt
  if (!(await markSubmitting(deps, context, mark))) return 'changed'
  // After a sleep of this machine another worker may already have given up the answer. The wall clock counts the sleep,
  // which a monotonic clock may not.
  if (Date.now() - askedAt > STALE_MS) {
    await persist(deps, context, () => jobs.unmarkSubmitting(job.id, mark))
    return 'changed'
  }
  try {
    // Without the claim's signal: the answer to a request in flight is awaited even if the claim is lost.
    const submitted = await fal.submit(model.endpoint, input, webhookUrl ? { webhookUrl: webhookUrl(job.id) } : {})
    permit.succeeded()
    const saved = await persist(deps, context, () => jobs.saveRequest(job.id, mark, submitted.requestId))
    if (saved === 'saved') return submitted
    // Two jobs cannot share a video, and only fal knows which one the request is for. The id is for the operator only.
    const error = new FalError('unreadable', `fal answered with another job's request, ${submitted.requestId}`)
    onError(error, { stage: 'submit', jobId: job.id })
    const message =
      'fal answered with the request of another job, so the outcome of this one is unknown. It was not sent twice: retry the job to send it again.'
    return { ending: failed(createFailure('SUBMIT_UNKNOWN', message)) }
  } catch (error) {
    if (!(error instanceof FalError)) throw error
    permit.failed(error)
    const verdict = judgeSubmit(error)
    if (verdict === 'unknown') {
      onError(error, { stage: 'submit', jobId: job.id })
      return webhookUrl ? 'changed' : { ending: unknownOutcome(error) }
    }
    if (verdict === 'refused') return { ending: refused(model, error) }
    // The request did not reach fal, or fal did not accept it: another attempt cannot be billed twice.
    await persist(deps, context, () => jobs.unmarkSubmitting(job.id, mark))
    return 'changed'
  }
}

/** False when nothing may be sent: the job or its claim has changed. */
async function markSubmitting(deps: RelayDeps, context: ClaimContext, mark: Date): Promise<boolean> {
  const { jobs } = deps
  try {
    return await jobs.markSubmitting(context.claim, mark)
  } catch (error) {
    if (!(error instanceof DatabaseUnavailableError)) throw error
    // The row may be marked, as if an answer had been lost. Nothing was sent, so the mark is removed.
    await persist(deps, context, async () => (await jobs.unmarkSubmitting(context.claim.jobId, mark)) || 'not marked')
    return false
  }
}

/** Whether fal refused the request, another attempt is safe, or fal may have accepted it. */
export function judgeSubmit(error: FalError): 'refused' | 'retry' | 'unknown' {
  switch (error.kind) {
    case 'rejected':
    case 'not-found':
      return 'refused'
    // Only the operator can correct the key: jobs wait, and do not fail one by one.
    case 'auth':
    case 'rate-limited':
    case 'not-sent':
      return 'retry'
    case 'unavailable':
    case 'interrupted':
    case 'unreadable':
      return 'unknown'
  }
}

/** Waits until acquiring is worth another attempt, or a wake-up comes. Notifies subscribers of a long wait. */
async function waitForBreaker(deps: RelayDeps, context: ClaimContext, progress: SubmitProgress): Promise<void> {
  const { breaker } = deps
  progress.waitingSince ??= performance.now()
  const stopWaiting = breaker.wait(context.wakeUp.notify)
  try {
    const isNoticed = breaker.paused === null || progress.noticedPauses.has(toProviderState(breaker.paused.error))
    const untilNoticeMs = Math.max(0, progress.waitingSince + NOTICE_MS - performance.now())
    const isNotified = await context.wakeUp.wait(isNoticed ? BREAKER_POLL_MS : untilNoticeMs, context.signal)
    const { paused } = breaker
    if (isNotified || isNoticed || paused === null) return
    await warnOnce(deps, context, toPauseReason(paused.error))
    progress.noticedPauses.add(toProviderState(paused.error))
  } finally {
    stopWaiting()
  }
}

/**
 * Waits for the answer to a submit that was sent `sinceMs` ago, by the database's clock. Its sender may still save it, and
 * fal's webhook brings the request's id when the video is ready.
 */
async function waitForAnswer(
  deps: RelayDeps,
  context: ClaimContext,
  { sinceMs, progress }: { sinceMs: number; progress: SubmitProgress },
): Promise<SubmitOutcome> {
  progress.answerAwaitedSince ??= performance.now()
  const dueMs = Math.max(ANSWER_MS, deps.webhookUrl ? deps.adoptionMs : 0) - sinceMs
  const leftMs = Math.max(dueMs, progress.answerAwaitedSince + MIN_ANSWER_WAIT_MS - performance.now())
  if (leftMs <= 0) return { ending: unknownOutcome() }
  if (deps.webhookUrl && !progress.hasNoticedWait) {
    const minutes = Math.ceil(deps.adoptionMs / 60_000)
    const message = `fal did not confirm the request. It is not sent twice; this server waits up to ${minutes} min for fal's webhook.`
    await appendNotice(deps, context, 'WARN', message)
  }
  progress.hasNoticedWait = true
  await context.wakeUp.wait(Math.min(leftMs, ANSWER_POLL_MS * (0.5 + deps.random() / 2)), context.signal)
  return 'changed'
}

/** Uploads the bytes of a data URI to fal's storage. May be repeated: an upload costs nothing. */
async function uploadImage(
  { jobs, fal, onError }: RelayDeps,
  context: ClaimContext,
  { model, progress, permit }: { model: Model; progress: SubmitProgress; permit: Permit },
): Promise<SubmitOutcome> {
  // The claim may have been lost in the queue of uploads.
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
    if (verdict === 'unknown') progress.failedUploads++
    if (progress.failedUploads >= MAX_UPLOADS) {
      const message = `The image could not be uploaded to fal's storage: ${error.message}`
      return { ending: failed(createFailure('PROVIDER_UNAVAILABLE', message)) }
    }
    if (progress.failedUploads === 1) onError(error, { stage: 'upload', jobId: context.claim.jobId })
    return 'changed'
  }
}

/**
 * Saves the outcome of a submit, however long that takes and even if another worker has the job: without fal's id a paid
 * video would be lost. The mark fences the write: only the submit that set it may save its outcome.
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
      // Another worker may wait for this.
      if (attempt > 1 || signal.aborted) notifier.emit('jobChanged', jobId)
      return saved
    } catch (error) {
      if (error instanceof ClaimLostError) throw error
      onError(error, { stage: 'save the answer of a submit', jobId })
      await sleep(backoffMs(attempt, DATABASE_BACKOFF, random()))
    }
  }
}

function refused(model: Model, error: FalError): Ending {
  // An endpoint unknown to fal is not the caller's mistake, and no result has expired.
  const failure = toFailure(model, error)
  return failed(error.kind === 'not-found' ? { ...failure, code: 'PROVIDER_ERROR', retryable: true } : failure)
}

function unknownOutcome(error?: FalError): Ending {
  const message =
    'fal did not confirm the request, so it may or may not have been accepted. It was not sent twice: retry the job to send it again.'
  return failed(createFailure('SUBMIT_UNKNOWN', message, { providerCode: error?.errorType ?? null }))
}
