import { FalError } from '../adapters/fal.ts'
import type { Job } from '../generated/prisma/client.ts'
import { createFailure, toFailure } from '../jobs/failure.ts'
import { type Model, toFalInput } from '../jobs/models.ts'
import type { Ending } from '../jobs/relay-jobs.ts'
import { nextDelayMs } from './delay.ts'
import { type Hold, HoldLostError, type RelayDeps } from './hold.ts'

/** fal has the request, or the job has ended, or the row has changed (a cancel): read it again. */
export type SubmitOutcome = { requestId: string; position: number | null } | { ending: Ending } | 'changed'

/**
 * Brings a job to fal, at most once. The row says that a submit is leaving before it leaves, and has fal's id right
 * after the answer; a submit without an answer is not repeated.
 */
export async function submitJob(deps: RelayDeps, hold: Hold, job: Job, model: Model): Promise<SubmitOutcome> {
  if (job.submittingAt !== null) return { ending: unknownOutcome() }
  const { jobs, fal, random, onError } = deps
  for (let attempt = 1; ; attempt++) {
    try {
      const imageUrl = job.imageUrl ?? (await uploadImage(deps, hold))
      job = { ...job, imageUrl }
      if (!(await jobs.markSubmitting(hold.claim))) return 'changed'
      const submitted = await fal.submit(model.endpoint, toFalInput(model, { ...toSettings(job), imageUrl }))
      await saveRequest(deps, hold, submitted.requestId)
      return submitted
    } catch (error) {
      const verdict =
        error instanceof FalError ? judgeSubmit(error, { uploading: job.imageUrl === null }) : 'unexpected'
      if (verdict === 'unexpected' || !(error instanceof FalError)) throw error
      if (verdict === 'unknown') {
        onError(error, { stage: 'submit', jobId: job.id })
        return { ending: unknownOutcome(error) }
      }
      if (verdict === 'refused') return { ending: { status: 'FAILED', failure: toFailure(model, error) } }
      // Nothing reached fal, or fal said that it did not take it: asking again cannot pay twice.
      if (job.imageUrl !== null && !(await jobs.unmarkSubmitting(hold.claim))) throw new HoldLostError()
      if (attempt === 1 || error.kind === 'auth') onError(error, { stage: 'submit', jobId: job.id })
      const rang = await hold.alarm.sleep(
        Math.max(error.retryAfterMs ?? 0, nextDelayMs(attempt, random())),
        hold.signal,
      )
      if (rang) return 'changed'
    }
  }
}

/** What a failed call means while a job is on its way to fal. An upload can be repeated, a submit cannot. */
export function judgeSubmit(error: FalError, { uploading }: { uploading: boolean }): 'refused' | 'again' | 'unknown' {
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
      return uploading ? 'again' : 'unknown'
  }
}

async function uploadImage({ jobs, fal }: RelayDeps, hold: Hold): Promise<string> {
  const image = await jobs.readImage(hold.claim)
  if (!image) throw new Error(`job ${hold.claim.jobId} has neither an image URL nor an image`)
  const imageUrl = await fal.upload(new Blob([image.bytes], { type: image.contentType }), { signal: hold.signal })
  if (!(await jobs.saveImageUrl(hold.claim, imageUrl))) throw new HoldLostError()
  return imageUrl
}

/** Saves fal's id however long it takes: letting go of it here would be a video paid for and lost. */
async function saveRequest({ jobs, random, onError }: RelayDeps, hold: Hold, requestId: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      if (!(await jobs.saveRequest(hold.claim, requestId))) throw new HoldLostError()
      return
    } catch (error) {
      if (error instanceof HoldLostError) throw error
      onError(error, { stage: 'save request id', jobId: hold.claim.jobId })
      await hold.alarm.sleep(nextDelayMs(attempt, random()), hold.signal)
    }
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

function toSettings({ imageUrl, seed, motionBucketId, condAug, fps }: Job) {
  return { imageUrl, seed: seed === null ? null : Number(seed), motionBucketId, condAug, fps }
}
