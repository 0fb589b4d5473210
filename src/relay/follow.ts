import { FalError } from '../adapters/fal/errors.ts'
import { backoffMs, FAL_BACKOFF, pollDelayMs, STATUS_STREAM_BACKOFF, withRetryAfter } from '../backoff.ts'
import type { Job } from '../generated/prisma/client.ts'
import type { Ending } from '../jobs/ending.ts'
import type { Model } from '../jobs/models.ts'
import { createCancelRelay } from './cancel.ts'
import type { ClaimContext, RelayDeps } from './claim-context.ts'
import { type Course, createCourse } from './course.ts'
import { HOUR_MS, isRefusalOfFal, lost, silent, toStillSilent, unfinished } from './endings.ts'
import { type Completed, listenToRequest } from './listen.ts'
import { createSilence } from './notice.ts'
import { probeResult } from './result-probe.ts'

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
  /** How long no status may be had before the result is asked for instead, in milliseconds. Default 300,000. */
  probeMs?: number
  /** How long no status may be had before the job ends, in milliseconds. Default 12 hours: a night in which nobody reads the log. */
  silenceMs?: number
  /** How often the operator is told of that meanwhile, in milliseconds. Default an hour. */
  tellAgainMs?: number
  /** How long fal may say that the request waits or runs, in milliseconds. Default 3 days: its queues are hours long. */
  unfinishedMs?: number
  /** How long fal may leave us without an answer before those who watch are told, in milliseconds. Default 20,000. */
  noticeMs?: number
}

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
  context: ClaimContext,
  { job, model, requestId, ageMs = 0 }: { job: Job; model: Model; requestId: string; ageMs?: number },
  {
    quietMs = 60_000,
    streamAgainMs = (broken, random) => backoffMs(broken, STATUS_STREAM_BACKOFF, random),
    refusalMs = 30_000,
    probeMs = 300_000,
    silenceMs = 12 * HOUR_MS,
    tellAgainMs = HOUR_MS,
    unfinishedMs = 72 * HOUR_MS,
    noticeMs,
  }: FollowOptions = {},
): Promise<Followed | { ending: Ending }> {
  const { fal, random, onError } = deps
  const { signal } = context
  const request = { model, requestId }
  const course = createCourse(deps, context, job)
  const failures = { inRow: 0, refusedSince: null as number | null, unreadable: 0, withoutLog: 0 }
  /** Since when no status could be had, and when the operator was told last. */
  let silence: { since: number; toldAt: number } | null = null
  const dueAt = performance.now() + unfinishedMs - ageMs
  const stream = { broken: 0, againAt: 0, wasQuiet: false }
  const notice = createSilence(deps, context, noticeMs)
  const cancel = createCancelRelay(deps, context, { course, endpoint: model.endpoint, requestId })

  /** Listens if the stream is to be trusted; else null. True when something made it worth to ask for the status at once. */
  async function listen(): Promise<Completed | boolean | null> {
    if (performance.now() < Math.max(stream.againAt, cancel.againAt)) return null
    const startedAt = performance.now()
    try {
      const heard = await listenToRequest(deps, context, { course, endpoint: model.endpoint, requestId, quietMs })
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
    stream.againAt =
      performance.now() + withRetryAfter(streamAgainMs(stream.broken, random()), error, LONGEST_STREAM_MS)
  }

  /** The end of a request of which fal says nothing, or nothing new, for longer than anybody waits. */
  async function giveUp(toEnding: (text: string | null) => Ending): Promise<Followed | { ending: Ending }> {
    const probed = await probeResult(deps, context, request)
    if (probed.completed) return { completed: probed.completed, canceled: cancel.confirmedAt !== null }
    return { ending: course.status === 'CANCELING' ? { status: 'CANCELED' } : toEnding(probed.unreadable) }
  }

  for (;;) {
    let delayMs: number
    try {
      await cancel.pass()
      const logs = failures.unreadable < UNREADABLE_LIMIT || ++failures.withoutLog % WITH_LOG_AGAIN === 0
      const answer = await fal.status(model.endpoint, requestId, { signal, logs })
      failures.inRow = 0
      failures.refusedSince = null
      silence = null
      if (logs) failures.unreadable = 0
      await notice.answered()
      const isNews = await course.take(answer)
      if (stream.wasQuiet && isNews) distrust(new FalError('interrupted', "fal's status stream kept news to itself"))
      stream.wasQuiet = false
      const { confirmedAt } = cancel
      if (answer.state === 'COMPLETED') return { completed: answer, canceled: confirmedAt !== null }
      if (answer.state === 'IN_QUEUE' && confirmedAt !== null && performance.now() - confirmedAt > CANCEL_CONFIRM_MS)
        return { ending: { status: 'CANCELED' } }
      if (performance.now() >= dueAt) {
        const given = await giveUp(() => unfinished(unfinishedMs))
        // Nobody will see what becomes of it. A refusal tells nothing new.
        if ('ending' in given) await fal.cancel(model.endpoint, requestId, { signal }).catch(ignoreFalError)
        return given
      }
      const heard = await listen()
      if (heard === true) continue
      if (heard)
        return {
          completed: await confirm(deps, context, { course, model, requestId, heard }),
          canceled: confirmedAt !== null,
        }
      // What was asked before a stream that broke is old.
      delayMs =
        heard === false
          ? backoffMs(1, FAL_BACKOFF, random())
          : pollDelayMs(answer.state === 'IN_QUEUE' ? answer.position : null, random())
    } catch (error) {
      if (!(error instanceof FalError)) throw error
      failures.inRow++
      if (error.kind === 'unreadable') failures.unreadable++
      const now = performance.now()
      silence ??= { since: now, toldAt: now }
      if (isRefusalOfFal(error)) {
        if (error.kind === 'not-found' && cancel.confirmedAt !== null) return { ending: { status: 'CANCELED' } }
        failures.refusedSince ??= now
        if (now - failures.refusedSince >= refusalMs)
          return { ending: course.status === 'CANCELING' ? { status: 'CANCELED' } : lost(model, error) }
      } else {
        failures.refusedSince = null
        const silentMs = now - silence.since
        if (silentMs >= probeMs) {
          const given = await giveUp((text) => silent(error, text))
          if (!('ending' in given)) return given
          if (silentMs >= silenceMs) {
            onError(toStillSilent(error, silentMs, 'it is given up'), { stage: 'follow', jobId: job.id })
            return given
          }
        }
        if (now - silence.toldAt >= tellAgainMs) {
          silence.toldAt = now
          const end = `it is given up after ${silenceMs / HOUR_MS} hours`
          onError(toStillSilent(error, silentMs, end), { stage: 'follow', jobId: job.id })
        }
      }
      if (failures.inRow === 1) onError(error, { stage: 'follow', jobId: job.id })
      await notice.failed(error)
      delayMs = withRetryAfter(backoffMs(failures.inRow, FAL_BACKOFF, random()), error, LONGEST_MS)
    }
    if (await context.wakeUp.wait(delayMs, signal)) await course.refresh()
  }
}

/**
 * A stream has told the end. The status is asked for once more, for log lines that a stream may leave out; whatever comes of
 * it, COMPLETED was read and stays.
 */
async function confirm(
  { fal }: RelayDeps,
  { signal }: ClaimContext,
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

function ignoreFalError(error: unknown): void {
  if (!(error instanceof FalError)) throw error
}
