import { FalError, type FalStatus } from '../adapters/fal.ts'
import type { Job } from '../generated/prisma/client.ts'
import { createFailure, toFailure } from '../jobs/failure.ts'
import type { Model } from '../jobs/models.ts'
import type { Ending } from '../jobs/relay-jobs.ts'
import { nextDelayMs, pollDelayMs } from './delay.ts'
import { type Hold, HoldLostError, type RelayDeps } from './hold.ts'
import { type Reading, toReading } from './reading.ts'

/** fal has come to an end with the request; `canceled` when it had acknowledged a cancel before. */
export interface Followed {
  completed: Extract<FalStatus, { state: 'COMPLETED' }>
  canceled: boolean
}

/** How often in a row fal may refuse to tell the status of a request before that is believed. */
const REFUSAL_LIMIT = 5

/** After so many unreadable answers in a row the status is asked for without its log, which may be what is too long. */
const UNREADABLE_LIMIT = 2

/** A queued request whose cancel fal has acknowledged is gone, even if fal goes on listing it for this long. */
const CANCEL_CONFIRM_MS = 60_000

/**
 * Turns what fal says about a request into updates, until fal says COMPLETED. A failed look is repeated and never an
 * end; nothing is written while nothing changes.
 */
export async function followRequest(
  deps: RelayDeps,
  hold: Hold,
  { job, model, requestId }: { job: Job; model: Model; requestId: string },
): Promise<Followed | { ending: Ending }> {
  const { jobs, log, fal, random, onError } = deps
  const { signal } = hold
  const failures = { inRow: 0, refused: 0, unreadable: 0 }
  let { status } = job
  let taken = { lines: job.falLogLines, bytes: job.falLogBytes }
  let seen = { status, queuePosition: job.queuePosition }
  let canceledAt: number | null = null

  async function take(reading: Reading): Promise<void> {
    const next = reading.status ?? seen.status
    const moved = next !== seen.status || (next === 'QUEUED' && reading.queuePosition !== seen.queuePosition)
    if (moved || reading.logs.length > 0) {
      const appended = await log.append({ jobId: job.id, claim: hold.claim.number, ...reading, status: next })
      if (appended.outcome === 'fenced') throw new HoldLostError()
      status = appended.status
      seen = { status: next, queuePosition: reading.queuePosition }
    }
    taken = reading.taken
  }

  for (;;) {
    let delayMs: number
    try {
      if (status === 'CANCELING' && canceledAt === null) {
        const outcome = await fal.cancel(model.endpoint, requestId, { signal })
        // ALREADY_COMPLETED and NOT_FOUND: the status tells how it ended.
        if (outcome === 'REQUESTED') canceledAt = Date.now()
      }
      const answer = await fal.status(model.endpoint, requestId, {
        signal,
        logs: failures.unreadable < UNREADABLE_LIMIT,
      })
      failures.inRow = 0
      failures.refused = 0
      await take(toReading(answer, taken))
      if (answer.state === 'COMPLETED') return { completed: answer, canceled: canceledAt !== null }
      if (answer.state === 'IN_QUEUE' && canceledAt !== null && Date.now() - canceledAt > CANCEL_CONFIRM_MS)
        return { ending: { status: 'CANCELED' } }
      delayMs = pollDelayMs(answer, random())
    } catch (error) {
      if (!(error instanceof FalError)) throw error
      failures.inRow++
      if (error.kind === 'unreadable') failures.unreadable++
      if (error.kind === 'not-found' || error.kind === 'rejected') failures.refused++
      if (error.kind === 'not-found' && canceledAt !== null) return { ending: { status: 'CANCELED' } }
      if (failures.refused >= REFUSAL_LIMIT)
        return { ending: status === 'CANCELING' ? { status: 'CANCELED' } : lost(model, error) }
      if (failures.inRow === 1) onError(error, { stage: 'follow', jobId: job.id })
      delayMs = Math.max(error.retryAfterMs ?? 0, nextDelayMs(failures.inRow, random()))
    }
    if (await hold.alarm.sleep(delayMs, signal)) {
      const row = await jobs.read(hold.claim)
      if (!row) throw new HoldLostError()
      status = row.status
    }
  }
}

function lost(model: Model, error: FalError): Ending {
  if (error.kind !== 'not-found')
    return { status: 'FAILED', failure: { ...toFailure(model, error), code: 'PROVIDER_ERROR', retryable: true } }
  const message = 'fal no longer knows this request: its result has expired, or it was removed at fal.'
  return { status: 'FAILED', failure: createFailure('RESULT_EXPIRED', message) }
}
