import { FalError } from '../adapters/fal/errors.ts'
import type { FalStatus } from '../adapters/fal/types.ts'
import type { Job } from '../generated/prisma/client.ts'
import type { Ending } from '../jobs/ending.ts'
import type { Model } from '../jobs/models.ts'
import { type CancelRelay, createCancelRelay } from './cancel.ts'
import type { ClaimContext, RelayDeps } from './claim-context.ts'
import { HOUR_MS, isRefusalOfFal, lost, toStillFailing, unavailable, unfinished } from './endings.ts'
import { createFalOutage, type FalOutageOptions } from './fal-outage.ts'
import { probeResult } from './result-probe.ts'
import { type Completed, type FeedOptions, readStatusFeed } from './status-feed.ts'
import { createStatusRecorder, type StatusRecorder } from './status-recorder.ts'

/** fal has completed the request; `canceled` when it had acknowledged a cancel before. */
export interface Followed {
  completed: Completed
  canceled: boolean
}

type Outcome = Followed | { ending: Ending }

/** In milliseconds. */
const LIMITS = {
  /** How long fal may refuse the status of a request before that is believed. */
  refusalMs: 30_000,
  /** How long polls may fail before the result is read instead. */
  probeMs: 300_000,
  /** How long polls may fail before the job ends: an overnight outage fails no job. */
  outageMs: 12 * HOUR_MS,
  /** How long a request may be queued or running: fal's queues are hours long. */
  unfinishedMs: 72 * HOUR_MS,
}

export type FollowOptions = FeedOptions & Pick<FalOutageOptions, 'noticeMs' | 'reportEveryMs'> & Partial<typeof LIMITS>

/** A request that stays queued for this long after fal acknowledged its cancel counts as canceled, in milliseconds. */
const CANCEL_CONFIRM_MS = 60_000

const CANCELED: Outcome = { ending: { status: 'CANCELED' } }

/** A request of fal, and how long ago its submit began, in milliseconds. */
interface FollowedRequest {
  job: Job
  model: Model
  requestId: string
  ageMs?: number
}

/** Records the statuses of a request as updates until fal reports COMPLETED, or the job ends without it. */
export async function followRequest(
  deps: RelayDeps,
  context: ClaimContext,
  request: FollowedRequest,
  options: FollowOptions = {},
): Promise<Outcome> {
  const limits = { ...LIMITS, ...options }
  const falRequest = { endpoint: request.model.endpoint, requestId: request.requestId }
  const recorder = createStatusRecorder(deps, context, request.job)
  const cancel = createCancelRelay(deps, context, { ...falRequest, recorder })
  const judge = createJudge(deps, context, { request, limits, recorder, cancel })
  const outage = createFalOutage(deps, context, { stage: 'follow', giveUpMs: limits.outageMs, ...limits })
  const reader = { countChanges: () => recorder.changes, mayStream: () => !cancel.isRefused }
  const feed = readStatusFeed(deps, context, falRequest, reader, limits)
  let completed: Completed | null = null
  await cancel.pass()
  for await (const item of feed) {
    let outcome: Outcome | null = null
    switch (item.kind) {
      case 'status':
        await outage.end()
        await recorder.record(item.status, item.source)
        if (item.status.state === 'COMPLETED') completed = item.status
        else outcome = await judge.status(item.status)
        break
      case 'failure':
        outcome = await judge.failure(item.error, outage.begin())
        if (outcome === null) await outage.report(item.error)
        break
      case 'wake-up':
        await recorder.refresh()
    }
    if (outcome) return outcome
    if (!completed) await cancel.pass()
  }
  if (!completed) throw new Error('the status feed ended before COMPLETED')
  return { completed, canceled: cancel.confirmedAt !== null }
}

/** Decides whether a request ends without COMPLETED. Null: go on following it. */
function createJudge(
  deps: RelayDeps,
  context: ClaimContext,
  {
    request: { job, model, requestId, ageMs = 0 },
    limits,
    recorder,
    cancel,
  }: { request: FollowedRequest; limits: typeof LIMITS; recorder: StatusRecorder; cancel: CancelRelay },
) {
  const { fal, onError } = deps
  const dueAt = performance.now() + limits.unfinishedMs - ageMs
  /** Since when fal itself has refused the status, without another answer in between. */
  let refusedSince: number | null = null

  /** The result may show that the request has completed, although its status does not. */
  async function giveUp(toEnding: (unreadable: string | null) => Ending): Promise<Outcome> {
    const probed = await probeResult(deps, context, { model, requestId })
    if ('state' in probed) return { completed: probed, canceled: cancel.confirmedAt !== null }
    return recorder.status === 'CANCELING' ? CANCELED : { ending: toEnding(probed.unreadable) }
  }

  return {
    status: async ({ state }: FalStatus): Promise<Outcome | null> => {
      refusedSince = null
      const { confirmedAt } = cancel
      if (state === 'IN_QUEUE' && confirmedAt !== null && performance.now() - confirmedAt > CANCEL_CONFIRM_MS)
        return CANCELED
      if (performance.now() < dueAt) return null
      const outcome = await giveUp(() => unfinished(limits.unfinishedMs))
      // Nobody will see the result. Whether fal accepts the cancel changes nothing.
      if ('ending' in outcome)
        await fal.cancel(model.endpoint, requestId, { signal: context.signal }).catch(ignoreFalError)
      return outcome
    },
    /** @param outageMs - how long polls have failed */
    failure: async (error: FalError, outageMs: number): Promise<Outcome | null> => {
      const now = performance.now()
      if (isRefusalOfFal(error)) {
        if (error.kind === 'not-found' && cancel.confirmedAt !== null) return CANCELED
        refusedSince ??= now
        if (now - refusedSince < limits.refusalMs) return null
        return recorder.status === 'CANCELING' ? CANCELED : { ending: lost(model, error) }
      }
      refusedSince = null
      if (outageMs < limits.probeMs) return null
      const outcome = await giveUp((text) => unavailable(error, text))
      if (!('ending' in outcome)) return outcome
      if (outageMs < limits.outageMs) return null
      onError(toStillFailing(error, outageMs, 'the job is given up'), { stage: 'follow', jobId: job.id })
      return outcome
    },
  }
}

function ignoreFalError(error: unknown): void {
  if (!(error instanceof FalError)) throw error
}
