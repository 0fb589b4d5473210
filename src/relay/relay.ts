import { FalError } from '../adapters/fal/errors.ts'
import { withSpan } from '../adapters/telemetry/trace.ts'
import { backoffMs, DATABASE_BACKOFF, FAL_BACKOFF } from '../backoff.ts'
import { DatabaseUnavailableError } from '../errors.ts'
import type { ReadJob } from '../jobs/claimed-jobs.ts'
import { type Ending, failed } from '../jobs/ending.ts'
import { createFailure } from '../jobs/failure.ts'
import { MODELS, type Model } from '../jobs/models.ts'
import { isTerminal } from '../updates/job-status.ts'
import { appendUpdate, type ClaimContext, ClaimLostError, type RelayDeps } from './claim-context.ts'
import { finishRequest, toEnding } from './finish.ts'
import { followRequest } from './follow.ts'
import { toNotice } from './notice.ts'
import { SubmitProgress, submitJob } from './submit.ts'

/**
 * How long unexpected errors may repeat before the job fails, in milliseconds. Long, so that an operator's mistake costs no
 * job. An unavailable or full database is expected.
 */
const GIVE_UP_MS = 24 * 3600_000

/** Errors further apart than this are unrelated, in milliseconds. */
const UNRELATED_MS = 10 * 60_000

/**
 * Takes one job from the state of its row to its end: submit, follow, finish. Resolves when the job has ended or the claim
 * is lost. After an unexpected error the step is repeated from the row.
 */
export async function relayJob(deps: RelayDeps, context: ClaimContext): Promise<void> {
  const { jobs, random, onError } = deps
  let failing: { since: number; last: number; times: number } | null = null
  let outages = 0
  const progress = new SubmitProgress()
  for (;;) {
    try {
      const askedAt = Date.now()
      const job = await jobs.read(context.claim)
      if (!job) return
      if (failing && failing.last - failing.since > GIVE_UP_MS) await jobs.end(context.claim, gaveUp(job))
      else if (isTerminal(job.status)) await jobs.endTask(context.claim)
      else if ((await relayFrom(deps, context, { job, askedAt, progress })) === 'changed') {
        outages = 0
        continue
      }
      return
    } catch (error) {
      if (error instanceof ClaimLostError || context.signal.aborted) return
      onError(error, { stage: 'relay', jobId: context.claim.jobId })
      let delayMs: number
      if (error instanceof DatabaseUnavailableError) {
        // However long an outage lasts, it fails no job.
        progress.answerAwaitedSince = null
        delayMs = backoffMs(++outages, DATABASE_BACKOFF, random())
      } else {
        const now = performance.now()
        if (failing === null || now - failing.last > UNRELATED_MS) failing = { since: now, last: now, times: 0 }
        failing = { ...failing, last: now, times: failing.times + 1 }
        delayMs = backoffMs(failing.times, FAL_BACKOFF, random())
      }
      await context.wakeUp.wait(delayMs, context.signal).catch(() => {
        // Aborted: handled below.
      })
      if (context.signal.aborted) return
    }
  }
}

async function relayFrom(
  deps: RelayDeps,
  context: ClaimContext,
  { job, askedAt, progress }: { job: ReadJob; askedAt: number; progress: SubmitProgress },
): Promise<'ended' | 'changed'> {
  const model = MODELS.get(job.model)
  if (!model) throw new Error(`job ${job.id} is of model ${job.model}, which this version does not have`)

  let { requestId } = job
  const kept = requestId === null && job.retryOfId !== null ? await deps.jobs.readKept(context.claim) : null
  // The kept result is used up when the job ends, unless the ending keeps it again.
  const endJob = async (ending: Ending): Promise<'ended'> => {
    if (!(await deps.jobs.end(context.claim, kept ? { kept: null, ...ending } : ending))) throw new ClaimLostError()
    return 'ended'
  }
  if (kept) {
    const ending = readKept(deps, context, { model, text: kept.text })
    if (ending) return await endJob(ending)
    requestId = kept.requestId
  } else if (requestId === null) {
    // Canceled during a submit that fal then did not accept: no request is left to cancel.
    if (job.status === 'CANCELING' && job.submittingAt === null) return await endJob({ status: 'CANCELED' })
    const outcome = await submitJob(deps, context, { job, askedAt, model, progress })
    if (outcome === 'changed') return 'changed'
    if ('ending' in outcome) return await endJob(outcome.ending)
    requestId = outcome.requestId
    const { status } = await appendUpdate(deps, context, {
      status: 'QUEUED',
      queuePosition: outcome.position,
      // Subscribers who saw the pause see its end.
      ...(progress.noticedPauses.size > 0 && {
        logs: [toNotice('INFO', 'fal accepts requests again: the job was submitted.')],
      }),
    })
    job = { ...job, requestId, status, queuePosition: outcome.position }
  }

  const ageMs = job.submittingAt === null ? 0 : job.readAt.getTime() - job.submittingAt.getTime()
  const request = { job, model, requestId, ageMs }
  const followed = await withSpan('follow', {}, () => followRequest(deps, context, request))
  if ('ending' in followed) return await endJob(followed.ending)
  return await withSpan('finish', {}, async () =>
    endJob(await finishRequest(deps, context, { model, requestId, followed })),
  )
}

/** The ending by the kept result. Null when there is none that can be read: it is fetched from fal again. */
function readKept(
  deps: RelayDeps,
  context: ClaimContext,
  { model, text }: { model: Model; text: string | null },
): Ending | null {
  if (text === null) return null
  let answer: unknown
  try {
    answer = deps.fal.readResult(text)
  } catch (error) {
    if (error instanceof FalError) return null
    throw error
  }
  return toEnding(deps, context, model, answer)
}

function gaveUp({ requestId }: ReadJob): Ending {
  const message = 'This server could not follow the job to its end. The operator finds the reason in the server log.'
  return { ...failed(createFailure('INTERNAL', message)), ...(requestId !== null && { kept: { text: null } }) }
}
