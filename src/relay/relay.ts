import { FalError } from '../adapters/fal/errors.ts'
import { withSpan } from '../adapters/telemetry/trace.ts'
import { backoffMs, DATABASE_BACKOFF, FAL_BACKOFF } from '../backoff.ts'
import { DatabaseUnavailableError } from '../errors.ts'
import type { ReadJob } from '../jobs/claimed-jobs.ts'
import type { Ending } from '../jobs/ending.ts'
import { createFailure } from '../jobs/failure.ts'
import type { KeptResult } from '../jobs/kept-result.ts'
import { MODELS, type Model } from '../jobs/models.ts'
import { isTerminal } from '../updates/job-status.ts'
import { type ClaimContext, ClaimLostError, type RelayDeps } from './claim-context.ts'
import { finishRequest, takeAnswer } from './finish.ts'
import { followRequest } from './follow.ts'
import { toNotice } from './notice.ts'
import { type SubmitTries, submitJob } from './submit.ts'

/**
 * How long the steps of a job may go on failing in a way that nobody expected before the job is failed, in milliseconds.
 * Long: one that somebody changed by mistake costs no job. A database that is away, or full, is expected.
 */
const GIVE_UP_MS = 24 * 3600_000

/** Failures further apart than this have nothing to do with each other. */
const UNRELATED_MS = 10 * 60_000

/**
 * Brings one job from wherever its row says it is to its end: submit, follow, finish. Resolves when the job has ended or
 * the hold is lost. An unexpected error is reported, and the step taken again from the row.
 */
export async function relayJob(deps: RelayDeps, context: ClaimContext): Promise<void> {
  const { jobs, random, onError } = deps
  let failing: { since: number; last: number; times: number } | null = null
  let looks = 0
  const tries: SubmitTries = {
    failedUploads: 0,
    hasToldWait: false,
    waitingSince: null,
    toldPauses: new Set(),
    watchingSince: null,
  }
  for (;;) {
    try {
      const askedAt = Date.now()
      const job = await jobs.read(context.claim)
      if (!job) return
      if (failing && failing.last - failing.since > GIVE_UP_MS) await jobs.end(context.claim, gaveUp(job))
      else if (isTerminal(job.status)) await jobs.endTask(context.claim)
      else if ((await relayFrom(deps, context, { job, askedAt, tries })) === 'changed') {
        looks = 0
        continue
      }
      return
    } catch (error) {
      if (error instanceof ClaimLostError || context.signal.aborted) return
      onError(error, { stage: 'relay', jobId: context.claim.jobId })
      let delayMs: number
      if (error instanceof DatabaseUnavailableError) {
        // However long it lasts, it is no reason to fail a job.
        tries.watchingSince = null
        delayMs = backoffMs(++looks, DATABASE_BACKOFF, random())
      } else {
        const now = performance.now()
        if (failing === null || now - failing.last > UNRELATED_MS) failing = { since: now, last: now, times: 0 }
        failing = { ...failing, last: now, times: failing.times + 1 }
        delayMs = backoffMs(failing.times, FAL_BACKOFF, random())
      }
      await context.wakeUp.wait(delayMs, context.signal).catch(() => {
        // Aborted: said below.
      })
      if (context.signal.aborted) return
    }
  }
}

async function relayFrom(
  deps: RelayDeps,
  context: ClaimContext,
  { job, askedAt, tries }: { job: ReadJob; askedAt: number; tries: SubmitTries },
): Promise<'ended' | 'changed'> {
  const model = MODELS.get(job.model)
  if (!model) throw new Error(`job ${job.id} is of model ${job.model}, which this version does not know`)

  let { requestId } = job
  const kept = requestId === null && job.retryOfId !== null ? await deps.jobs.readKept(context.claim) : null
  // What is kept for it has come to its end with the job, unless it is kept again.
  const endJob = (ending: Ending) => end(deps, context, kept ? { kept: null, ...ending } : ending)
  if (kept) {
    const ending = readKept(deps, context, { model, kept })
    if (ending) return await endJob(ending)
    requestId = kept.requestId
  } else if (requestId === null) {
    // Canceled while a submit was on its way that fal then did not take: nothing is left to end there.
    if (job.status === 'CANCELING' && job.submittingAt === null) return await end(deps, context, { status: 'CANCELED' })
    const outcome = await submitJob(deps, context, { job, askedAt, model, tries })
    if (outcome === 'changed') return 'changed'
    if ('ending' in outcome) return await end(deps, context, outcome.ending)
    requestId = outcome.requestId
    const appended = await deps.log.append({
      jobId: job.id,
      claim: context.claim.number,
      status: 'QUEUED',
      queuePosition: outcome.position,
      // Whoever was told that it waits is told that it does no longer.
      logs: tries.toldPauses.size === 0 ? [] : [toNotice('INFO', 'fal takes requests again: the job was sent.')],
    })
    if (appended.outcome === 'fenced') throw new ClaimLostError()
    job = { ...job, requestId, status: appended.status, queuePosition: outcome.position }
  }

  const ageMs = job.submittingAt === null ? 0 : job.readAt.getTime() - job.submittingAt.getTime()
  const request = { job, model, requestId, ageMs }
  const followed = await withSpan('follow', {}, () => followRequest(deps, context, request))
  if ('ending' in followed) return await endJob(followed.ending)
  return await withSpan('finish', {}, async () =>
    endJob(await finishRequest(deps, context, { model, requestId, followed })),
  )
}

/** How the kept answer ends the job; null when there is none that can be read: fal is asked again. */
function readKept(
  deps: RelayDeps,
  context: ClaimContext,
  { model, kept }: { model: Model; kept: KeptResult },
): Ending | null {
  if (kept.text === null) return null
  let answer: unknown
  try {
    answer = deps.fal.readResult(kept.text)
  } catch (error) {
    if (error instanceof FalError) return null
    throw error
  }
  return takeAnswer(deps, context, model, answer)
}

async function end({ jobs }: RelayDeps, context: ClaimContext, ending: Ending): Promise<'ended'> {
  if (!(await jobs.end(context.claim, ending))) throw new ClaimLostError()
  return 'ended'
}

function gaveUp({ requestId }: ReadJob): Ending {
  return {
    status: 'FAILED',
    ...(requestId !== null && { kept: { text: null } }),
    failure: createFailure(
      'INTERNAL',
      'This server could not follow the job to its end. The operator finds the reason in the log.',
    ),
  }
}
