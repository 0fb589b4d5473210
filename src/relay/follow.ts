import { FalError } from '../adapters/fal.ts'
import type { Job } from '../generated/prisma/client.ts'
import { createFailure, toFailure } from '../jobs/failure.ts'
import type { Model } from '../jobs/models.ts'
import type { Ending } from '../jobs/relay-jobs.ts'
import { type Course, createCourse } from './course.ts'
import { nextDelayMs, nextStreamMs, pollDelayMs } from './delay.ts'
import type { Hold, RelayDeps } from './hold.ts'
import { type Completed, listenToRequest } from './listen.ts'

/** fal has come to an end with the request; `canceled` when it had acknowledged a cancel before. */
export interface Followed {
  completed: Completed
  canceled: boolean
}

export interface FollowOptions {
  /** How long a stream may tell nothing before the status is asked for, in milliseconds. Default 60,000. */
  quietMs?: number
  /** How long after a stream that broke the next is opened, in milliseconds; longer each time. */
  streamAgainMs?(broken: number, random: number): number
}

/** How often in a row fal may refuse to tell the status of a request before that is believed. */
const REFUSAL_LIMIT = 5

/** After so many unreadable answers in a row the status is asked for without its log, which may be what is too long. */
const UNREADABLE_LIMIT = 2

/** A queued request whose cancel fal has acknowledged is gone, even if fal goes on listing it for this long. */
const CANCEL_CONFIRM_MS = 60_000

/**
 * Turns what fal says about a request into updates, until fal says COMPLETED. The status is asked for first, which tells
 * all that has been; then fal's stream tells what comes. A stream that breaks, or is silent, is no end: the status is
 * asked for again and again until the stream is tried anew. Nothing is written while nothing changes.
 */
export async function followRequest(
  deps: RelayDeps,
  hold: Hold,
  { job, model, requestId }: { job: Job; model: Model; requestId: string },
  { quietMs = 60_000, streamAgainMs = nextStreamMs }: FollowOptions = {},
): Promise<Followed | { ending: Ending }> {
  const { fal, random, onError } = deps
  const { signal } = hold
  const course = createCourse(deps, hold, job)
  const failures = { inRow: 0, refused: 0, unreadable: 0 }
  const stream = { broken: 0, againAt: 0, wasQuiet: false }
  let canceledAt: number | null = null

  /** Listens if the stream is to be trusted. True when something made it worth to ask for the status at once. */
  async function listen(): Promise<Completed | boolean> {
    if (Date.now() < stream.againAt) return false
    const startedAt = Date.now()
    try {
      const heard = await listenToRequest(deps, hold, { course, endpoint: model.endpoint, requestId, quietMs })
      stream.broken = 0
      if (typeof heard === 'object') return heard
      if (heard === 'rung') await course.refresh()
      stream.wasQuiet = heard === 'quiet'
      return true
    } catch (error) {
      if (!(error instanceof FalError)) throw error
      if (Date.now() - startedAt > quietMs) stream.broken = 0
      distrust(error)
      return false
    }
  }

  function distrust(error: FalError): void {
    stream.broken++
    if (stream.broken === 1) onError(error, { stage: 'status stream', jobId: job.id })
    stream.againAt = Date.now() + Math.max(error.retryAfterMs ?? 0, streamAgainMs(stream.broken, random()))
  }

  for (;;) {
    let delayMs: number
    try {
      if (course.status === 'CANCELING' && canceledAt === null) {
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
      const isNews = await course.take(answer)
      if (stream.wasQuiet && isNews) distrust(new FalError('interrupted', "fal's status stream kept news to itself"))
      stream.wasQuiet = false
      if (answer.state === 'COMPLETED') return { completed: answer, canceled: canceledAt !== null }
      if (answer.state === 'IN_QUEUE' && canceledAt !== null && Date.now() - canceledAt > CANCEL_CONFIRM_MS)
        return { ending: { status: 'CANCELED' } }
      const heard = await listen()
      if (typeof heard === 'object')
        return {
          completed: await confirm(deps, hold, { course, model, requestId, heard }),
          canceled: canceledAt !== null,
        }
      if (heard) continue
      delayMs = pollDelayMs(answer, random())
    } catch (error) {
      if (!(error instanceof FalError)) throw error
      failures.inRow++
      if (error.kind === 'unreadable') failures.unreadable++
      if (error.kind === 'not-found' || error.kind === 'rejected') failures.refused++
      if (error.kind === 'not-found' && canceledAt !== null) return { ending: { status: 'CANCELED' } }
      if (failures.refused >= REFUSAL_LIMIT)
        return { ending: course.status === 'CANCELING' ? { status: 'CANCELED' } : lost(model, error) }
      if (failures.inRow === 1) onError(error, { stage: 'follow', jobId: job.id })
      delayMs = Math.max(error.retryAfterMs ?? 0, nextDelayMs(failures.inRow, random()))
    }
    if (await hold.alarm.sleep(delayMs, signal)) await course.refresh()
  }
}

/**
 * A stream has told the end. The status is asked for once more, for log lines that a stream may leave out; whatever comes of
 * it, COMPLETED was read and stays.
 */
async function confirm(
  { fal }: RelayDeps,
  { signal }: Hold,
  { course, model, requestId, heard }: { course: Course; model: Model; requestId: string; heard: Completed },
): Promise<Completed> {
  try {
    const answer = await fal.status(model.endpoint, requestId, { signal })
    if (answer.state !== 'COMPLETED') return heard
    await course.take(answer)
    return { ...answer, error: answer.error ?? heard.error, errorType: answer.errorType ?? heard.errorType }
  } catch (error) {
    if (error instanceof FalError) return heard
    throw error
  }
}

function lost(model: Model, error: FalError): Ending {
  if (error.kind !== 'not-found')
    return { status: 'FAILED', failure: { ...toFailure(model, error), code: 'PROVIDER_ERROR', retryable: true } }
  const message = 'fal no longer knows this request: its result has expired, or it was removed at fal.'
  return { status: 'FAILED', failure: createFailure('RESULT_EXPIRED', message) }
}
