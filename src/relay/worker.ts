import { setTimeout as sleep } from 'node:timers/promises'
import type { Claim, Queue } from '../adapters/queue.ts'
import { withSpan, withTraceParent } from '../adapters/telemetry/trace.ts'
import { DatabaseUnavailableError } from '../errors.ts'
import type { Job } from '../generated/prisma/client.ts'
import { aloneMs, judgeTakeover, MOST_TAKEOVERS, toKillerEnding } from '../jobs/takeovers.ts'
import { type ClaimContext, ClaimLostError, type RelayDeps } from './claim-context.ts'
import { relayJob } from './relay.ts'
import { createWakeUp } from './wake-up.ts'

interface WorkerOptions {
  /** Jobs claimed at once. Jobs that wait at the circuit breaker are extra, up to the same number. */
  concurrency: number
  /** Between polls for tasks when no wake-up comes, in milliseconds. Default 1000. */
  pollMs?: number
  /** Least time for all other jobs between two suspects, in milliseconds. Default 5000. */
  othersMs?: number
}

/** Between heartbeats, in milliseconds. A claim lapses after 10 s without one. */
const HEARTBEAT_MS = 3_000

/** How long a stop waits for submits in flight, in milliseconds; the process has 20 s. */
const GRACE_MS = 14_000

/** Claims that end within this time are released in one statement, in milliseconds. */
const RELEASE_COLLECT_MS = 50

/**
 * How long after an outage of the database a lapsed claim does not count as a death, in milliseconds: no worker could send
 * heartbeats, and all claims are handed out again.
 */
const AFTER_OUTAGE_MS = 30_000

/** Timeout of the cancel of a job that was given up, in milliseconds. */
const CANCEL_MS = 5_000

interface Suspect {
  claim: Claim
  row: Job
}

interface ActiveJob {
  context: ClaimContext
  /** The relay has been notified of a cancel. */
  isCanceling: boolean
  controller: AbortController
  done: Promise<void>
}

/** Claims jobs and relays each of them to its end. */
export function createWorker(
  deps: RelayDeps & { queue: Queue },
  { concurrency, pollMs = 1000, othersMs = 5000 }: WorkerOptions,
) {
  const { queue, jobs, fal, breaker, notifier, onError } = deps
  const active = new Map<string, ActiveJob>()
  const stopping = new AbortController()
  const stopped = new AbortController()
  const tasks = createWakeUp()
  /** Claimed jobs, each of which waits for its turn to run alone. */
  let suspects: Suspect[] = []
  /** No suspect runs before this time. */
  let othersUntil = Number.NEGATIVE_INFINITY
  /** Claims to release. One that lapsed instead would count as a death. */
  const unreleased = new Set<Claim>()
  let outageAt = Number.NEGATIVE_INFINITY
  let claiming: Promise<void> = Promise.resolve()
  let beating: Promise<void> = Promise.resolve()

  async function claimLoop(): Promise<void> {
    while (!stopping.signal.aborted) {
      // While fal accepts no submits, the running jobs of a dead worker must still be claimed.
      const free = concurrency - active.size + Math.min(breaker.waiting, concurrency)
      let found = 0
      try {
        await releaseClaims()
        const [suspect] = performance.now() < othersUntil ? [] : suspects
        if (suspect) {
          await runAlone(suspect)
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
    if (error instanceof DatabaseUnavailableError) outageAt = performance.now()
    onError(error, context)
  }

  async function claim(limit: number): Promise<number> {
    const isAfterOutage = performance.now() - outageAt < AFTER_OUTAGE_MS
    const claims = (await queue.claim(limit)).map(({ isTakeover, ...claim }) =>
      // A claim that lapsed here, or in an outage of the database, shows no death.
      isTakeover && !isAfterOutage && !active.has(claim.jobId) ? { ...claim, isTakeover } : claim,
    )
    if (claims.length === 0) return 0
    const recorded = await jobs.recordClaims(claims).catch((error: unknown) => {
      for (const claim of claims) unreleased.add(claim)
      throw error
    })
    const rows = new Map(recorded.map((job) => [job.id, job]))
    const killers: Suspect[] = []
    for (const claim of claims) {
      const row = rows.get(claim.jobId)
      // Released, a claim without a row would be claimed again at once, forever. It lapses instead.
      if (!row) continue
      const verdict = judgeTakeover(claim, row)
      if (verdict === 'normal') startRelay(claim, row)
      else if (verdict === 'alone') suspects.push({ claim, row })
      else killers.push({ claim, row })
    }
    // Last, and not released on failure: a killer whose claim lapses is still recognized.
    for (const killer of killers) await endKiller(killer)
    return claims.length
  }

  /** Claims that cannot be released now stay for the next attempt. */
  async function releaseClaims(): Promise<void> {
    const batch = [...unreleased]
    await queue.release(batch)
    for (const claim of batch) unreleased.delete(claim)
  }

  async function endKiller({ claim, row }: Suspect): Promise<void> {
    if (!(await jobs.end(claim, toKillerEnding()))) return
    // Neither claiming nor a stop waits for fal here.
    void cancelAtFal(row)
    const error = new Error(
      `the job was given up: ${MOST_TAKEOVERS} workers in a row died while they ran it, the last ones while they ran it alone. Find out how they ended before you retry it.`,
    )
    onError(error, { stage: 'suspect job', jobId: claim.jobId })
  }

  /** Nobody will use the video. */
  async function cancelAtFal({ id, model, requestId }: Job): Promise<void> {
    if (requestId === null) return
    try {
      await fal.cancel(model, requestId, { signal: AbortSignal.timeout(CANCEL_MS) })
    } catch (error) {
      onError(error, { stage: 'cancel', jobId: id })
    }
  }

  /** Runs one suspect without other jobs. Afterwards the other jobs have at least as long. */
  async function runAlone(suspect: Suspect): Promise<void> {
    const since = performance.now()
    try {
      // Submits in flight are answered first: their answers would be lost with this process.
      await releaseAll(stopping.signal)
      stopping.signal.throwIfAborted()
      // The suspect may have lost its claim meanwhile.
      if (suspects.includes(suspect)) await watchAlone(suspect)
    } finally {
      const now = performance.now()
      othersUntil = now + Math.max(now - since, othersMs)
    }
  }

  /** Waits until the suspect makes progress, ends, or has run for longer than a killer would. */
  async function watchAlone(suspect: Suspect): Promise<void> {
    const { claim, row } = suspect
    const takeovers = row.takeovers + 1
    const isBlamed = await jobs.setTakeovers(claim, row.takeovers, takeovers)
    suspects = suspects.filter((other) => other !== suspect)
    if (!isBlamed) {
      // It made progress, or another worker has it.
      unreleased.add(claim)
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
    // After an outage this worker may claim a job that it still runs: the older claim is lost.
    active.get(claim.jobId)?.controller.abort(new ClaimLostError())
    const controller = new AbortController()
    const context: ClaimContext = { claim, wakeUp: createWakeUp(), signal: controller.signal }
    const attributes = { 'reelay.job_id': claim.jobId, 'reelay.claim': claim.number }
    // Continues the trace of the mutation.
    const done = withTraceParent(traceParent, () => withSpan('relay', { attributes }, () => relayJob(deps, context)))
      .catch((error: unknown) => onError(error, { stage: 'relay', jobId: claim.jobId }))
      .finally(() => {
        // Not the entry of a newer claim.
        if (active.get(claim.jobId)?.controller === controller) active.delete(claim.jobId)
        tasks.notify()
      })
    active.set(claim.jobId, { context, isCanceling: false, controller, done })
    return done
  }

  /** Two statements for all claimed jobs: keep the claims, and find cancels whose notification was lost. */
  async function heartbeat(): Promise<void> {
    const before = [...active.values()]
    const claims = [...before.map((entry) => entry.context.claim), ...suspects.map((suspect) => suspect.claim)]
    if (claims.length === 0) return
    const kept = new Set(await queue.heartbeat(claims))
    for (const { context, controller } of before) if (!kept.has(context.claim)) controller.abort(new ClaimLostError())
    suspects = suspects.filter(({ claim }) => kept.has(claim) || !claims.includes(claim))
    const unaware = [...active].filter(([, entry]) => !entry.isCanceling).map(([jobId]) => jobId)
    for (const jobId of await jobs.findCanceling(unaware)) {
      const entry = active.get(jobId)
      if (!entry) continue
      entry.isCanceling = true
      entry.context.wakeUp.notify()
    }
  }

  async function heartbeatLoop(): Promise<void> {
    while (!stopped.signal.aborted) {
      await sleep(HEARTBEAT_MS, undefined, { signal: stopped.signal })
      await heartbeat().catch((error: unknown) => note(error, { stage: 'heartbeat' }))
    }
  }

  const untilStopped = (loop: Promise<void>, { signal }: AbortController): Promise<void> =>
    loop.catch((error: unknown) => {
      if (!signal.aborted) throw error
    })

  /** Ends all relays and releases their claims: most at once, those with a submit in flight when fal has answered. */
  async function releaseAll(timeUp: AbortSignal): Promise<void> {
    const running = new Set(active.values())
    const ended = createWakeUp()
    if (unreleased.size > 0) ended.notify()
    for (const entry of running) {
      entry.controller.abort(new ClaimLostError())
      void entry.done.then(() => {
        running.delete(entry)
        unreleased.add(entry.context.claim)
        ended.notify()
      })
    }
    while (running.size > 0 && !timeUp.aborted) {
      await ended.wait(GRACE_MS, timeUp).catch(() => {
        // The grace period is over.
      })
      // Others may end at the same time.
      await sleep(RELEASE_COLLECT_MS)
      if (running.size === 0 || timeUp.aborted) break
      // A failed release is repeated with the next one: answers that are still to come are worth the wait.
      await releaseClaims().catch((error: unknown) => onError(error, { stage: 'release' }))
    }
    for (const { context } of running) unreleased.add(context.claim)
    await releaseClaims()
  }

  const wakeJob = (jobId: string): void => active.get(jobId)?.context.wakeUp.notify()

  return {
    start: (): void => {
      notifier.on('taskAdded', tasks.notify)
      notifier.on('resync', tasks.notify)
      notifier.on('jobChanged', wakeJob)
      claiming = untilStopped(claimLoop(), stopping)
      beating = untilStopped(heartbeatLoop(), stopped)
    },
    /** How many jobs this worker has claimed. */
    get size() {
      return active.size
    },
    /** Waits for submits in flight, then releases all claims. */
    stop: async (): Promise<void> => {
      stopping.abort(new ClaimLostError())
      await claiming
      for (const { claim } of suspects.splice(0)) unreleased.add(claim)
      try {
        await releaseAll(AbortSignal.timeout(GRACE_MS))
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
