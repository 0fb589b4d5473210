import type { Claim, Queue } from '../adapters/queue.ts'
import { withSpan, withTraceParent } from '../adapters/telemetry/trace.ts'
import type { Job } from '../generated/prisma/client.ts'
import { aloneMs, judgeTakeover, MOST_TAKEOVERS, toKillerEnding } from '../jobs/takeovers.ts'
import { type ClaimContext, ClaimLostError, type RelayDeps } from './claim-context.ts'
import { relayJob } from './relay.ts'
import { createWakeUp } from './wake-up.ts'

/** Claims jobs and relays each of them to its end. */
export interface Worker {
  start(): void
  /** How many jobs are held now. */
  readonly size: number
  /** Lets calls that must not be cut come to their end (`graceMs` at most), then gives all claims back. */
  stop(): Promise<void>
}

export interface WorkerOptions {
  /** Jobs held at once; those that wait for fal to take submits do not count, up to as many again. */
  concurrency: number
  /** Backstop between looks for tasks, in milliseconds. Default 1000. */
  pollMs?: number
  /** Between heartbeats, in milliseconds; the engine takes a claim away after 10 s without. Default 3000. */
  heartbeatMs?: number
  /** A submit that has left may take this long to answer, in milliseconds; the process has 20 s. Default 14,000. */
  graceMs?: number
  /** Between two jobs that are worked on alone, the others have at least this long, in milliseconds. Default 5000. */
  usualMs?: number
}

/** Holds that are let go within this time are given back together, in milliseconds. */
const TOGETHER_MS = 50

/**
 * How long after the database could not be used a lapsed claim is no death, in milliseconds: nobody could keep one alive, and
 * all of them are given out anew once it is back.
 */
const AFTER_OUTAGE_MS = 30_000

/** How long fal may take to answer the cancel of a job that was given up, in milliseconds. */
const CANCEL_MS = 5_000

interface Suspect {
  claim: Claim
  row: Job
}

interface ActiveJob {
  context: ClaimContext
  /** The relay has been told of a cancel: once is enough. */
  isCanceling: boolean
  controller: AbortController
  done: Promise<void>
}

export function createWorker(deps: RelayDeps & { queue: Queue }, options: WorkerOptions): Worker {
  const { queue, jobs, fal, breaker, notifier, isAway, onError } = deps
  const { concurrency, pollMs = 1000, heartbeatMs = 3000, graceMs = 14_000, usualMs = 5000 } = options
  const active = new Map<string, ActiveJob>()
  const stopping = new AbortController()
  const stopped = new AbortController()
  const tasks = createWakeUp()
  /** Claimed, and kept, until each can be worked on alone. */
  let suspects: Suspect[] = []
  /** Until then no suspect has its turn. */
  let usualUntil = Number.NEGATIVE_INFINITY
  /** Claims that are to be given back: one that lapses instead counts as a death. */
  const loose = new Set<Claim>()
  let outageAt = Number.NEGATIVE_INFINITY
  let claiming: Promise<void> = Promise.resolve()
  let beating: Promise<void> = Promise.resolve()

  async function claimLoop(): Promise<void> {
    while (!stopping.signal.aborted) {
      // A dead worker's running jobs must find room while fal takes no new ones.
      const free = concurrency - active.size + Math.min(breaker.waiting, concurrency)
      let found = 0
      try {
        await letGo()
        const [suspect] = performance.now() < usualUntil ? [] : suspects
        if (suspect) {
          await workAlone(suspect)
          found = 1
        } else if (free > 0) found = await claim(free)
      } catch (error) {
        note(error, { stage: 'claim' })
      }
      if (found === 0) await tasks.wait(pollMs, stopping.signal)
    }
  }

  function note(error: unknown, context: { stage: string }): void {
    if (error instanceof ClaimLostError) return
    if (isAway(error)) outageAt = performance.now()
    onError(error, context)
  }

  async function claim(limit: number): Promise<number> {
    const isAfterOutage = performance.now() - outageAt < AFTER_OUTAGE_MS
    const claims = (await queue.claim(limit)).map(({ isTakeover, ...claim }) =>
      // What lapsed while it was held here, or while nobody could reach the database, has killed nobody.
      isTakeover && !isAfterOutage && !active.has(claim.jobId) ? { ...claim, isTakeover } : claim,
    )
    if (claims.length === 0) return 0
    const rows = new Map((await takeOrLetGo(claims)).map((job) => [job.id, job]))
    const killers: Suspect[] = []
    for (const claim of claims) {
      const row = rows.get(claim.jobId)
      // Given back, one without a row would be claimed again at once, and for ever: it may lapse.
      if (!row) continue
      const verdict = judgeTakeover(claim, row)
      if (verdict === 'usual') startRelay(claim, row)
      else if (verdict === 'alone') suspects.push({ claim, row })
      else killers.push({ claim, row })
    }
    // Last, and never given back when that fails: a killer whose claim lapses is still known as one.
    for (const killer of killers) await endKiller(killer)
    return claims.length
  }

  async function takeOrLetGo(claims: Claim[]): Promise<Job[]> {
    try {
      return await jobs.recordClaims(claims)
    } catch (error) {
      for (const claim of claims) loose.add(claim)
      throw error
    }
  }

  /** What cannot be given back now stays to be given back. */
  async function letGo(): Promise<void> {
    const batch = [...loose]
    loose.clear()
    try {
      await queue.release(batch)
    } catch (error) {
      for (const claim of batch) loose.add(claim)
      throw error
    }
  }

  async function endKiller({ claim, row }: Suspect): Promise<void> {
    if (!(await jobs.end(claim, toKillerEnding()))) return
    // Claims wait for nobody's answer, nor does a worker that stops.
    void stopPaying(row)
    const error = new Error(
      `the job was given up: ${MOST_TAKEOVERS} workers in a row died with it in hand, the last ones with it alone. Look at how they ended before it is retried.`,
    )
    onError(error, { stage: 'suspect job', jobId: claim.jobId })
  }

  /** Nobody will see what fal makes of the job from here on. */
  async function stopPaying({ id, model, requestId }: Job): Promise<void> {
    if (requestId === null) return
    try {
      await fal.cancel(model, requestId, { signal: AbortSignal.timeout(CANCEL_MS) })
    } catch (error) {
      onError(error, { stage: 'cancel', jobId: id })
    }
  }

  /** One suspect's turn; then the others have at least as long, however many suspects wait. */
  async function workAlone(suspect: Suspect): Promise<void> {
    const since = performance.now()
    try {
      // Submits that have left are answered first: they would be lost with this process.
      await giveBack(stopping.signal)
      stopping.signal.throwIfAborted()
      // Until here it waited, and was kept alive, like the rest of them.
      if (suspects.includes(suspect)) await watchAlone(suspect)
    } finally {
      const now = performance.now()
      usualUntil = now + Math.max(now - since, usualMs)
    }
  }

  /** Until it has got on, has ended, or has lived for as long as what kills would not. */
  async function watchAlone(suspect: Suspect): Promise<void> {
    const { claim, row } = suspect
    const takeovers = row.takeovers + 1
    const isBlamed = await jobs.setTakeovers(claim, row.takeovers, takeovers)
    suspects = suspects.filter((other) => other !== suspect)
    if (!isBlamed) {
      // It got on by itself, or is somebody else's.
      loose.add(claim)
      return
    }
    const ended = createWakeUp()
    void startRelay(claim, row).then(ended.notify)
    const since = performance.now()
    try {
      do {
        await ended.wait(pollMs, stopping.signal)
        if (active.get(claim.jobId)?.context.claim !== claim) return
        if ((await jobs.read(claim))?.takeovers !== takeovers) return
      } while (performance.now() - since < aloneMs(takeovers))
      if (takeovers === MOST_TAKEOVERS) await jobs.setTakeovers(claim, takeovers, 0)
    } catch (error) {
      if (stopping.signal.aborted) await jobs.setTakeovers(claim, takeovers, row.takeovers)
      throw error
    }
  }

  function startRelay(claim: Claim, { traceParent }: Pick<Job, 'traceParent'>): Promise<void> {
    // After an outage the engine may hand us a task that we still work on: the older attempt has lost it.
    active.get(claim.jobId)?.controller.abort(new ClaimLostError())
    const controller = new AbortController()
    const context: ClaimContext = { claim, wakeUp: createWakeUp(), signal: controller.signal }
    const attributes = { 'reelay.job_id': claim.jobId, 'reelay.claim': claim.number }
    // The trace of the mutation, whichever process had it.
    const done = withTraceParent(traceParent, () => withSpan('relay', { attributes }, () => relayJob(deps, context)))
      .catch((error: unknown) => onError(error, { stage: 'relay', jobId: claim.jobId }))
      .finally(() => {
        // Never the entry of a newer attempt.
        if (active.get(claim.jobId)?.controller === controller) active.delete(claim.jobId)
        tasks.notify()
      })
    active.set(claim.jobId, { context, isCanceling: false, controller, done })
    return done
  }

  /** Two statements for all that is held: keep the claims, look for cancels that nobody rang for. */
  async function heartbeat(): Promise<void> {
    const before = [...active.values()]
    const claims = [...before.map((entry) => entry.context.claim), ...suspects.map((suspect) => suspect.claim)]
    if (claims.length === 0) return
    const kept = new Set(await queue.heartbeat(claims))
    for (const { context, controller } of before) if (!kept.has(context.claim)) controller.abort(new ClaimLostError())
    suspects = suspects.filter(({ claim }) => kept.has(claim) || !claims.includes(claim))
    const untold = [...active].filter(([, entry]) => !entry.isCanceling).map(([jobId]) => jobId)
    for (const jobId of await jobs.findCanceling(untold)) {
      const entry = active.get(jobId)
      if (!entry) continue
      entry.isCanceling = true
      entry.context.wakeUp.notify()
    }
  }

  async function heartbeatLoop(): Promise<void> {
    const beats = createWakeUp()
    while (!stopped.signal.aborted) {
      await beats.wait(heartbeatMs, stopped.signal)
      await heartbeat().catch((error: unknown) => note(error, { stage: 'heartbeat' }))
    }
  }

  const untilStopped = (loop: Promise<void>, { signal }: AbortController): Promise<void> =>
    loop.catch((error: unknown) => {
      if (!signal.aborted) throw error
    })

  /** Lets go of all that is held: at once of what can be left, of the rest when its submit is answered, or time is up. */
  async function giveBack(timeUp: AbortSignal): Promise<void> {
    const left = new Set(active.values())
    const free = createWakeUp()
    if (loose.size > 0) free.notify()
    for (const entry of left) {
      entry.controller.abort(new ClaimLostError())
      void entry.done.then(() => {
        left.delete(entry)
        loose.add(entry.context.claim)
        free.notify()
      })
    }
    while (left.size > 0 && !timeUp.aborted) {
      await free.wait(graceMs, timeUp).catch(() => {
        // Time is up.
      })
      // Those that end with it go back with it.
      await new Promise((resolve) => setTimeout(resolve, TOGETHER_MS))
      if (left.size === 0 || timeUp.aborted) break
      // The answers that are still to come are worth the wait; what cannot go back goes back with the next.
      await letGo().catch((error: unknown) => onError(error, { stage: 'release' }))
    }
    for (const { context } of left) loose.add(context.claim)
    await letGo()
  }

  const wakeJob = (jobId: string): void => active.get(jobId)?.context.wakeUp.notify()

  return {
    start: () => {
      notifier.on('taskAdded', tasks.notify)
      notifier.on('resync', tasks.notify)
      notifier.on('jobChanged', wakeJob)
      claiming = untilStopped(claimLoop(), stopping)
      beating = untilStopped(heartbeatLoop(), stopped)
    },
    get size() {
      return active.size
    },
    stop: async () => {
      stopping.abort(new ClaimLostError())
      await claiming
      for (const { claim } of suspects.splice(0)) loose.add(claim)
      try {
        await giveBack(AbortSignal.timeout(graceMs))
      } finally {
        stopped.abort(new ClaimLostError())
        await beating
        notifier.off('taskAdded', tasks.notify)
        notifier.off('resync', tasks.notify)
        notifier.off('jobChanged', wakeJob)
      }
    },
  }
}
