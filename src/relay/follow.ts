import { FalError, type FalStatus } from '../adapters/fal.ts'
import type { Job } from '../generated/prisma/client.ts'
import { createFailure } from '../jobs/failure.ts'
import type { Model } from '../jobs/models.ts'
import type { Ending } from '../jobs/relay-jobs.ts'
import { nextDelayMs, pollDelayMs } from './delay.ts'
import { type Hold, HoldLostError, type RelayDeps } from './hold.ts'
import { toReading } from './reading.ts'

export type Completed = Extract<FalStatus, { state: 'COMPLETED' }>

/** How often in a row fal may say that it does not know a request before that is believed. */
const NOT_FOUND_LIMIT = 5

/** A queued request whose cancel fal has acknowledged is gone, even if fal goes on listing it for this long. */
const CANCEL_CONFIRM_MS = 60_000

/**
 * Turns what fal says about a request into updates, until fal says COMPLETED. A failed look is repeated and never an
 * end; nothing is written while nothing changes.
 */
export async function followRequest(
  deps: RelayDeps,
  hold: Hold,
  job: Job,
  model: Model,
  requestId: string,
): Promise<Completed | { ending: Ending }> {
  const { jobs, log, fal, random, onError } = deps
  let { status } = job
  let taken = { lines: job.falLogLines, bytes: job.falLogBytes }
  let seen = { status, queuePosition: job.queuePosition }
  let cancelAcknowledgedAt: number | null = null
  let failures = 0
  let unknown = 0

  for (;;) {
    let delayMs: number
    try {
      if (status === 'CANCELING' && cancelAcknowledgedAt === null) {
        const outcome = await fal.cancel(model.endpoint, requestId, { signal: hold.signal })
        // ALREADY_COMPLETED: the status below tells how it ended.
        if (outcome !== 'NOT_FOUND') cancelAcknowledgedAt = Date.now()
      }
      const answer = await fal.status(model.endpoint, requestId, { signal: hold.signal })
      failures = 0
      unknown = 0
      const reading = toReading(answer, taken)
      const next = reading.status ?? seen.status
      if (
        reading.logs.length > 0 ||
        next !== seen.status ||
        (next === 'QUEUED' && reading.queuePosition !== seen.queuePosition)
      ) {
        const appended = await log.append({ jobId: job.id, claim: hold.claim.number, ...reading, status: next })
        if (appended.outcome === 'fenced') throw new HoldLostError()
        status = appended.status
        seen = { status: next, queuePosition: reading.queuePosition }
      }
      taken = reading.taken
      if (answer.state === 'COMPLETED') return answer
      if (
        answer.state === 'IN_QUEUE' &&
        cancelAcknowledgedAt !== null &&
        Date.now() - cancelAcknowledgedAt > CANCEL_CONFIRM_MS
      )
        return { ending: { status: 'CANCELED' } }
      delayMs = pollDelayMs(answer, random())
    } catch (error) {
      if (!(error instanceof FalError)) throw error
      failures++
      if (error.kind === 'not-found') unknown++
      if (unknown > 0 && cancelAcknowledgedAt !== null) return { ending: { status: 'CANCELED' } }
      if (unknown >= NOT_FOUND_LIMIT) return { ending: lost() }
      if (failures === 1) onError(error, { stage: 'follow', jobId: job.id })
      delayMs = Math.max(error.retryAfterMs ?? 0, nextDelayMs(failures, random()))
    }
    if (await hold.alarm.sleep(delayMs, hold.signal)) {
      const row = await jobs.read(hold.claim)
      if (!row) throw new HoldLostError()
      status = row.status
    }
  }
}

function lost(): Ending {
  const message = 'fal no longer knows this request: its result has expired, or it was removed at fal.'
  return { status: 'FAILED', failure: createFailure('RESULT_EXPIRED', message) }
}
