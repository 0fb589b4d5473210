import type { Claim, Queue } from '../adapters/queue.ts'
import type { Job } from '../generated/prisma/client.ts'
import { aloneMs, judgeTakeover, MOST_TAKEOVERS, toKillerEnding } from '../jobs/takeovers.ts'
import { withSpan, withTraceParent } from '../trace.ts'
import { createAlarm } from './alarm.ts'
import { type Hold, HoldLostError, type RelayDeps } from './hold.ts'
import { relayJob } from './relay.ts'

/** Claims jobs and relays each of them to its end. */
export interface Worker {
  start(): void
  /** There is a new task: look at once. */
  wake(): void
  /** The job's row, or fal, has something to tell its relay. No effect when it is not held here. */
  ring(jobId: string): void
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
}

/** Holds that are let go within this time are given back together, in milliseconds. */
const TOGETHER_MS = 50

/**
 * How long after the database could not be used a lapsed claim is no death, in milliseconds: nobody could keep one alive, and
 * all of them are given out anew once it is back.
 */
const AFTER_OUTAGE_MS = 30_000

interface Held {
  hold: Hold
  /** The relay has been told of a cancel: once is enough. */
  isCanceling: boolean
  controller: AbortController
  done: Promise<void>
}

export function createWorker(deps: RelayDeps & { queue: Queue }, options: WorkerOptions): Worker {
  const { queue, jobs, gate, isAway, onError } = deps
  const { concurrency, pollMs = 1000, heartbeatMs = 3000, graceMs = 14_000 } = options
  const held = new Map<string, Held>()
  const stopping = new AbortController()
  const stopped = new AbortController()
  const tasks = createAlarm()
  /** Claimed, and kept, until each can be worked on alone. */
  let suspects: { claim: Claim; row: Job }[] = []
  let outageAt = Number.NEGATIVE_INFINITY
  let claiming: Promise<void> = Promise.resolve()
  let beating: Promise<void> = Promise.resolve()

  async function claimLoop(): Promise<void> {
    while (!stopping.signal.aborted) {
      // A dead worker's running jobs must find room while fal takes no new ones.
      const free = concurrency - held.size + Math.min(gate.waiting, concurrency)
      let found = 0
      try {
        const suspect = suspects.shift()
        if (suspect) await workAlone(suspect)
        else if (free > 0) found = await claim(free)
      } catch (error) {
        note(error, { stage: 'claim' })
      }
      if (found === 0 && suspects.length === 0) await tasks.sleep(pollMs, stopping.signal)
    }
  }

  function note(error: unknown, context: { stage: string }): void {
    if (error instanceof HoldLostError) return
    if (isAway(error)) outageAt = performance.now()
    onError(error, context)
  }

  async function claim(limit: number): Promise<number> {
    const isAfterOutage = performance.now() - outageAt < AFTER_OUTAGE_MS
    const claims = (await queue.claim(limit)).map(({ isTakeover, ...claim }) =>
      // What lapsed while it was held here, or while nobody could reach the database, has killed nobody.
      isTakeover && !isAfterOutage && !held.has(claim.jobId) ? { ...claim, isTakeover } : claim,
    )
    if (claims.length === 0) return 0
    const rows = new Map((await jobs.take(claims)).map((job) => [job.id, job]))
    const usual: { claim: Claim; row: Job }[] = []
    for (const claim of claims) {
      const row = rows.get(claim.jobId)
      if (!row) continue
      const verdict = judgeTakeover(claim, row)
      if (verdict === 'usual') usual.push({ claim, row })
      else if (verdict === 'alone') suspects.push({ claim, row })
      else await endKiller(claim)
    }
    if (suspects.length === 0) for (const { claim, row } of usual) hold(claim, row)
    else await queue.release(usual.map(({ claim }) => claim))
    return claims.length
  }

  async function endKiller(claim: Claim): Promise<void> {
    if (!(await jobs.end(claim, toKillerEnding()))) return
    const error = new Error(
      `the job was given up: ${MOST_TAKEOVERS} workers in a row died with it in hand, the last ones with it alone. Look at how they ended before it is retried.`,
    )
    onError(error, { stage: 'suspect job', jobId: claim.jobId })
  }

  /** Until it has got on, has ended, or has lived for as long as what kills would not. */
  async function workAlone({ claim, row }: { claim: Claim; row: Job }): Promise<void> {
    // Submits that have left are answered first: they would be lost with this process.
    await giveBack(stopping.signal)
    stopping.signal.throwIfAborted()
    const takeovers = row.takeovers + 1
    if (!(await jobs.setTakeovers(claim, row.takeovers, takeovers))) return
    const ended = createAlarm()
    void hold(claim, row).then(ended.ring)
    const since = performance.now()
    try {
      do {
        await ended.sleep(pollMs, stopping.signal)
        if (held.get(claim.jobId)?.hold.claim !== claim) return
        if ((await jobs.read(claim))?.takeovers !== takeovers) return
      } while (performance.now() - since < aloneMs(takeovers))
      if (takeovers === MOST_TAKEOVERS) await jobs.setTakeovers(claim, takeovers, 0)
    } catch (error) {
      if (stopping.signal.aborted) await jobs.setTakeovers(claim, takeovers, row.takeovers)
      throw error
    }
  }

  function hold(claim: Claim, { traceParent }: Pick<Job, 'traceParent'>): Promise<void> {
    // After an outage the engine may hand us a task that we still work on: the older attempt has lost it.
    held.get(claim.jobId)?.controller.abort(new HoldLostError())
    const controller = new AbortController()
    const hold: Hold = { claim, alarm: createAlarm(), signal: controller.signal }
    const attributes = { 'reelay.job_id': claim.jobId, 'reelay.claim': claim.number }
    // The trace of the mutation, whichever process had it.
    const done = withTraceParent(traceParent, () => withSpan('relay', { attributes }, () => relayJob(deps, hold)))
      .catch((error: unknown) => onError(error, { stage: 'relay', jobId: claim.jobId }))
      .finally(() => {
        // Never the entry of a newer attempt.
        if (held.get(claim.jobId)?.controller === controller) held.delete(claim.jobId)
        tasks.ring()
      })
    held.set(claim.jobId, { hold, isCanceling: false, controller, done })
    return done
  }

  /** Two statements for all that is held: keep the claims, look for cancels that nobody rang for. */
  async function heartbeat(): Promise<void> {
    const before = [...held.values()]
    const claims = [...before.map((entry) => entry.hold.claim), ...suspects.map((suspect) => suspect.claim)]
    if (claims.length === 0) return
    const kept = new Set(await queue.heartbeat(claims))
    for (const { hold, controller } of before) if (!kept.has(hold.claim)) controller.abort(new HoldLostError())
    suspects = suspects.filter(({ claim }) => kept.has(claim) || !claims.includes(claim))
    const untold = [...held].filter(([, entry]) => !entry.isCanceling).map(([jobId]) => jobId)
    for (const jobId of await jobs.findCanceling(untold)) {
      const entry = held.get(jobId)
      if (!entry) continue
      entry.isCanceling = true
      entry.hold.alarm.ring()
    }
  }

  async function heartbeatLoop(): Promise<void> {
    const beats = createAlarm()
    while (!stopped.signal.aborted) {
      await beats.sleep(heartbeatMs, stopped.signal)
      await heartbeat().catch((error: unknown) => note(error, { stage: 'heartbeat' }))
    }
  }

  const untilStopped = (loop: Promise<void>, { signal }: AbortController): Promise<void> =>
    loop.catch((error: unknown) => {
      if (!signal.aborted) throw error
    })

  /** Lets go of everything: at once of what can be left, of the rest when its submit is answered, or time is up. */
  async function giveBack(timeUp: AbortSignal): Promise<void> {
    const left = new Set(held.values())
    const free = createAlarm()
    const freed: Claim[] = []
    for (const entry of left) {
      entry.controller.abort(new HoldLostError())
      void entry.done.then(() => {
        left.delete(entry)
        freed.push(entry.hold.claim)
        free.ring()
      })
    }
    while (left.size > 0 && !timeUp.aborted) {
      await free.sleep(graceMs, timeUp).catch(() => {
        // Time is up.
      })
      // Those that end with it go back with it.
      await new Promise((resolve) => setTimeout(resolve, TOGETHER_MS))
      if (left.size === 0 || timeUp.aborted) break
      const batch = freed.splice(0)
      // The answers that are still to come are worth the wait; these go back with the next.
      await queue.release(batch).catch((error: unknown) => {
        onError(error, { stage: 'release' })
        freed.push(...batch)
      })
    }
    await queue.release([...freed, ...[...left].map(({ hold }) => hold.claim)])
  }

  return {
    start: () => {
      claiming = untilStopped(claimLoop(), stopping)
      beating = untilStopped(heartbeatLoop(), stopped)
    },
    wake: () => tasks.ring(),
    ring: (jobId) => held.get(jobId)?.hold.alarm.ring(),
    get size() {
      return held.size
    },
    stop: async () => {
      stopping.abort(new HoldLostError())
      await claiming
      try {
        await giveBack(AbortSignal.timeout(graceMs))
      } finally {
        stopped.abort(new HoldLostError())
        await beating
      }
    },
  }
}
