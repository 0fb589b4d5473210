import { FalError, type FalSubmitted } from '../adapters/fal.ts'
import type { Job } from '../generated/prisma/client.ts'
import { createFailure, toFailure } from '../jobs/failure.ts'
import { type Model, toFalInput } from '../jobs/models.ts'
import type { Ending } from '../jobs/relay-jobs.ts'
import { nextDelayMs } from './delay.ts'
import { type Hold, HoldLostError, type RelayDeps } from './hold.ts'

/** fal has the request, or the job has ended, or the row may have changed: read it again. */
export type SubmitOutcome = FalSubmitted | { ending: Ending } | 'changed'

/**
 * How long a submit that has left may be without a word in the row, in milliseconds: the adapter gives fal 30 s to
 * answer, and whoever sent it saves the answer as soon as the database lets it.
 */
const ANSWER_MS = 45_000

/** How often an upload may fail before the job does; with back-off, some minutes. */
const MAX_UPLOADS = 12

/**
 * Brings a job to fal, at most once. The row says that a submit is leaving before it leaves, and has fal's id right
 * after the answer; a submit without an answer is not repeated.
 * @param attempt - how often this was tried under this hold, from 1: for the back-off
 */
export async function submitJob(
  deps: RelayDeps,
  hold: Hold,
  { job, model, attempt }: { job: Job; model: Model; attempt: number },
): Promise<SubmitOutcome> {
  if (job.imageUrl === null) return await uploadImage(deps, hold, { model, attempt })
  if (job.submittingAt !== null) return await waitForAnswer(hold, job.submittingAt)
  const { jobs, fal, onError } = deps
  const { imageUrl, seed, motionBucketId, condAug, fps } = job
  const input = toFalInput(model, {
    imageUrl,
    seed: seed === null ? null : Number(seed),
    motionBucketId,
    condAug,
    fps,
  })
  const mark = new Date()
  if (!(await jobs.markSubmitting(hold.claim, mark))) return 'changed'
  try {
    // Without the hold's signal: once it has left, its answer is waited for, whoever holds the job by then.
    const submitted = await fal.submit(model.endpoint, input)
    await persist(deps, job.id, () => jobs.saveRequest(job.id, mark, submitted.requestId))
    return submitted
  } catch (error) {
    if (!(error instanceof FalError)) throw error
    const verdict = judgeSubmit(error)
    if (verdict === 'unknown') {
      onError(error, { stage: 'submit', jobId: job.id })
      return { ending: unknownOutcome(error) }
    }
    if (verdict === 'refused') return { ending: refused(model, error) }
    // Nothing reached fal, or fal said that it did not take it: asking again cannot pay twice.
    await persist(deps, job.id, () => jobs.unmarkSubmitting(job.id, mark))
    return await tryLater(deps, hold, { error, attempt, stage: 'submit' })
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

/** A submit left under an earlier hold, whose sender may still be about to save its answer. */
async function waitForAnswer(hold: Hold, submittingAt: Date): Promise<SubmitOutcome> {
  const leftMs = submittingAt.getTime() + ANSWER_MS - Date.now()
  if (leftMs <= 0) return { ending: unknownOutcome() }
  await hold.alarm.sleep(Math.min(leftMs, 1000), hold.signal)
  return 'changed'
}

/** Brings the bytes of a data URI to fal's storage. It can be repeated: an upload costs nothing. */
async function uploadImage(
  deps: RelayDeps,
  hold: Hold,
  { model, attempt }: { model: Model; attempt: number },
): Promise<SubmitOutcome> {
  const { jobs, fal } = deps
  const image = await jobs.readImage(hold.claim)
  if (!image) throw new Error(`job ${hold.claim.jobId} has neither an image URL nor an image`)
  try {
    const url = await fal.upload(new Blob([image.bytes], { type: image.contentType }), { signal: hold.signal })
    if (!(await jobs.saveImageUrl(hold.claim, url))) throw new HoldLostError()
    return 'changed'
  } catch (error) {
    if (!(error instanceof FalError)) throw error
    const verdict = judgeSubmit(error)
    if (verdict === 'refused') return { ending: refused(model, error) }
    if (verdict === 'unknown' && attempt >= MAX_UPLOADS) {
      const message = `The picture could not be brought to fal's storage: ${error.message}`
      return { ending: { status: 'FAILED', failure: createFailure('PROVIDER_UNAVAILABLE', message) } }
    }
    return await tryLater(deps, hold, { error, attempt, stage: 'upload' })
  }
}

async function tryLater(
  { random, onError }: RelayDeps,
  hold: Hold,
  { error, attempt, stage }: { error: FalError; attempt: number; stage: string },
): Promise<'changed'> {
  if (attempt === 1 || error.kind === 'auth') onError(error, { stage, jobId: hold.claim.jobId })
  await hold.alarm.sleep(Math.max(error.retryAfterMs ?? 0, nextDelayMs(attempt, random())), hold.signal)
  return 'changed'
}

/**
 * Saves what became of a submit, however long it takes and whoever holds the job by now: letting go of fal's id would
 * be a video paid for and lost. The mark is its fence: only the submit that set it may say how it ended.
 */
async function persist({ random, onError }: RelayDeps, jobId: string, save: () => Promise<boolean>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      if (!(await save())) throw new HoldLostError()
      return
    } catch (error) {
      if (error instanceof HoldLostError) throw error
      onError(error, { stage: 'save the answer of a submit', jobId })
      await new Promise((resolve) => setTimeout(resolve, Math.min(2_000, nextDelayMs(attempt, random()))))
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
