import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { DatabaseUnavailableError } from '../../errors.ts'
import type { JobStatus } from '../../generated/prisma/enums.ts'
import { withTimeout } from '../../timeout.ts'
import type { ObservedCall } from '../fal/instrumented.ts'

/** The figures of this process, in words of ours: who counts knows nothing of Prometheus. */
export interface Metrics {
  /** Counts an update; with it the status that the job left, and its end. */
  updateStored(
    update: { status: JobStatus; final: boolean },
    previous: { status: JobStatus; seconds: number } | null,
  ): void
  falCalled(call: ObservedCall): void
  claimTakenOver(): void
  /** Adds the figures that are read when Prometheus scrapes them. Call once. */
  registerGauges(sources: GaugeSources): void
  /** All figures as Prometheus reads them. What cannot be counted now is left out. */
  render(): Promise<string>
  /** The media type of that text. */
  readonly contentType: string
}

/** Figures that are read at each scrape, rather than counted as things happen. */
export interface GaugeSources {
  /** Jobs that have not ended, by status. */
  countJobs(): Promise<ReadonlyMap<JobStatus, number>>
  countSubscriptions(): number
  isSubmittingPaused(): boolean
}

/** How long the database may take to count jobs before a scrape is answered without that figure, in milliseconds. */
const COUNT_MS = 1_500

/** From a moment to hours: a job may wait in fal's line. */
const STATE_SECONDS = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 21_600]
/** An answer is waited for 30 s, an upload for 120 s; streams last as long as they are listened to. */
const CALL_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 600]

/** Figures of one app; any number of them may be in one process. There is nothing to close. */
export function createMetrics(onError: (error: unknown, context: { stage: string }) => void): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const updates = new Counter({ name: 'reelay_job_updates_total', help: 'Updates written to the log.', registers })
  const stateSeconds = new Histogram({
    name: 'reelay_job_state_seconds',
    help: 'How long jobs were in a state before they left it.',
    labelNames: ['status'],
    buckets: STATE_SECONDS,
    registers,
  })
  const ended = new Counter({
    name: 'reelay_jobs_ended_total',
    help: 'Jobs that have ended, by how.',
    labelNames: ['status'],
    registers,
  })
  const falCalls = new Counter({
    name: 'reelay_fal_calls_total',
    help: 'Calls to fal, by what was asked and how it came out.',
    labelNames: ['call', 'outcome'],
    registers,
  })
  const falSeconds = new Histogram({
    name: 'reelay_fal_call_seconds',
    help: 'How long fal took to answer; of a watch, how long it lasted.',
    labelNames: ['call'],
    buckets: CALL_SECONDS,
    registers,
  })
  const takeovers = new Counter({
    name: 'reelay_claim_takeovers_total',
    help: 'Jobs taken over from a worker that gave no sign of life.',
    registers,
  })

  function registerGauges({ countJobs, countSubscriptions, isSubmittingPaused }: GaugeSources): void {
    new Gauge({
      name: 'reelay_jobs',
      help: 'Jobs that have not ended, by state, in the whole database.',
      labelNames: ['status'],
      registers,
      async collect() {
        const counts = await withTimeout(
          COUNT_MS,
          countJobs(),
          new DatabaseUnavailableError('jobs were not counted in time'),
        ).catch((error: unknown) => {
          onError(error, { stage: 'count jobs' })
        })
        // A figure of before the outage would look like one of now.
        this.reset()
        for (const [status, count] of counts ?? []) this.set({ status }, count)
      },
    })
    new Gauge({
      name: 'reelay_subscriptions',
      help: 'Subscriptions that are open.',
      registers,
      collect() {
        this.set(countSubscriptions())
      },
    })
    new Gauge({
      name: 'reelay_submitting_paused',
      help: '1 while nothing is submitted to fal.',
      registers,
      collect() {
        this.set(isSubmittingPaused() ? 1 : 0)
      },
    })
  }

  const ofProcess = openProcessRegistry()

  return {
    updateStored: ({ status, final }, previous) => {
      updates.inc()
      if (previous) stateSeconds.observe({ status: previous.status }, previous.seconds)
      if (final) ended.inc({ status })
    },
    falCalled: ({ call, outcome, seconds }) => {
      falCalls.inc({ call, outcome })
      falSeconds.observe({ call }, seconds)
    },
    claimTakenOver: () => takeovers.inc(),
    registerGauges,
    render: async () => (await Promise.all([registry.metrics(), ofProcess.metrics()])).join(''),
    contentType: registry.contentType,
  }
}

let processRegistry: Registry | undefined

/**
 * prom-client's own figures: processor time, memory, event loop, open files. They are of the process, not of an app, and
 * what watches the event loop and the garbage collection cannot be ended: so there is one of them, however many apps come
 * and go. It keeps no process alive.
 */
function openProcessRegistry(): Registry {
  if (!processRegistry) {
    processRegistry = new Registry()
    collectDefaultMetrics({ register: processRegistry })
  }
  return processRegistry
}
