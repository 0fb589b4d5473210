import { FalError } from '../adapters/fal.ts'
import type { Job } from '../generated/prisma/client.ts'
import { createFailure, toFailure } from '../jobs/failure.ts'
import type { Model } from '../jobs/models.ts'
import type { Ending } from '../jobs/relay-jobs.ts'
import { createCancelRelay } from './cancel.ts'
import { type Course, createCourse } from './course.ts'
import { longerMs, nextDelayMs, nextStreamMs, pollDelayMs } from './delay.ts'
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
  /** How long fal may refuse to tell the status of a request before that is believed, in milliseconds. Default 30,000. */
  refusalMs?: number
}

/** The same for a refusal that is not fal's own word, but a page of what stands before it, in milliseconds. */
const FOREIGN_REFUSAL_MS = 600_000

/** After so many unreadable answers in a row the status is asked for without its log, which may be what is too long. */
const UNREADABLE_LIMIT = 2
/** Once in so many of those the log is asked for all the same. */
const WITH_LOG_AGAIN = 20

/** Longest pause before the status is asked for again, and before the next stream, whatever fal asks for, in milliseconds. */
const LONGEST_MS = 30_000
const LONGEST_STREAM_MS = 300_000

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
  { quietMs = 60_000, streamAgainMs = nextStreamMs, refusalMs = 30_000 }: FollowOptions = {},
): Promise<Followed | { ending: Ending }> {
  const { fal, random, onError } = deps
  const { signal } = hold
  const course = createCourse(deps, hold, job)
  const failures = { inRow: 0, refusedSince: null as number | null, unreadable: 0, withoutLog: 0 }
  const stream = { broken: 0, againAt: 0, wasQuiet: false }
  const cancel = createCancelRelay(deps, hold, { course, endpoint: model.endpoint, requestId })

  /** Listens if the stream is to be trusted; else null. True when something made it worth to ask for the status at once. */
  async function listen(): Promise<Completed | boolean | null> {
    if (performance.now() < Math.max(stream.againAt, cancel.againAt)) return null
    const startedAt = performance.now()
    try {
      const heard = await listenToRequest(deps, hold, { course, endpoint: model.endpoint, requestId, quietMs })
      stream.broken = 0
      if (typeof heard === 'object') return heard
      if (heard === 'rung') await course.refresh()
      stream.wasQuiet = heard === 'quiet'
      return true
    } catch (error) {
      if (!(error instanceof FalError)) throw error
      if (performance.now() - startedAt > quietMs) stream.broken = 0
      distrust(error)
      return false
    }
  }

  function distrust(error: FalError): void {
    stream.broken++
    if (stream.broken === 1) onError(error, { stage: 'status stream', jobId: job.id })
    stream.againAt = performance.now() + longerMs(streamAgainMs(stream.broken, random()), error, LONGEST_STREAM_MS)
  }

  for (;;) {
    let delayMs: number
    try {
      await cancel.pass()
      const logs = failures.unreadable < UNREADABLE_LIMIT || ++failures.withoutLog % WITH_LOG_AGAIN === 0
      const answer = await fal.status(model.endpoint, requestId, { signal, logs })
      failures.inRow = 0
      failures.refusedSince = null
      if (logs) failures.unreadable = 0
      const isNews = await course.take(answer)
      if (stream.wasQuiet && isNews) distrust(new FalError('interrupted', "fal's status stream kept news to itself"))
      stream.wasQuiet = false
      const { confirmedAt } = cancel
      if (answer.state === 'COMPLETED') return { completed: answer, canceled: confirmedAt !== null }
      if (answer.state === 'IN_QUEUE' && confirmedAt !== null && performance.now() - confirmedAt > CANCEL_CONFIRM_MS)
        return { ending: { status: 'CANCELED' } }
      const heard = await listen()
      if (heard === true) continue
      if (heard)
        return {
          completed: await confirm(deps, hold, { course, model, requestId, heard }),
          canceled: confirmedAt !== null,
        }
      // What was asked before a stream that broke is old.
      delayMs = heard === false ? nextDelayMs(1, random()) : pollDelayMs(answer, random())
    } catch (error) {
      if (!(error instanceof FalError)) throw error
      failures.inRow++
      if (error.kind === 'unreadable') failures.unreadable++
      if (error.kind !== 'not-found' && error.kind !== 'rejected') failures.refusedSince = null
      else {
        const isFalsWord = error.body === null
        if (isFalsWord && error.kind === 'not-found' && cancel.confirmedAt !== null)
          return { ending: { status: 'CANCELED' } }
        failures.refusedSince ??= performance.now()
        if (performance.now() - failures.refusedSince >= (isFalsWord ? refusalMs : FOREIGN_REFUSAL_MS))
          return { ending: course.status === 'CANCELING' ? { status: 'CANCELED' } : lost(model, error) }
      }
      if (failures.inRow === 1) onError(error, { stage: 'follow', jobId: job.id })
      delayMs = longerMs(nextDelayMs(failures.inRow, random()), error, LONGEST_MS)
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
