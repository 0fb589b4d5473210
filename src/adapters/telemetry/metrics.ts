import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { DatabaseUnavailableError } from '../../errors.ts'
import type { JobStatus } from '../../generated/prisma/enums.ts'
import { withTimeout } from '../../timeout.ts'
import type { ObservedCall } from '../fal/instrumented.ts'

/** Values that are read at each scrape. */
interface GaugeSources {
  /** Jobs that have not ended, by status. */
  countJobs(): Promise<ReadonlyMap<JobStatus, number>>
  countSubscriptions(): number
  isSubmittingPaused(): boolean
}

/** How long the database may take to count jobs before a scrape is answered without that gauge, in milliseconds. */
const COUNT_MS = 1_500

/** Up to hours: a job may wait in fal's queue. */
const STATE_SECONDS = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 21_600]
/** Calls time out after 30 s, uploads after 120 s; a stream lasts as long as its consumer reads. */
const CALL_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 600]

/** Creates the metrics of one app; a process may have several. There is nothing to close. */
export function createMetrics(onError: (error: unknown, context: { stage: string }) => void) {
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
    help: 'Ended jobs, by final status.',
    labelNames: ['status'],
    registers,
  })
  const falCalls = new Counter({
    name: 'reelay_fal_calls_total',
    help: 'Calls to fal, by call and outcome.',
    labelNames: ['call', 'outcome'],
    registers,
  })
  const falSeconds = new Histogram({
    name: 'reelay_fal_call_seconds',
    help: 'Duration of calls to fal; of a watch, until its stream ended.',
    labelNames: ['call'],
    buckets: CALL_SECONDS,
    registers,
  })
  const takeovers = new Counter({
    name: 'reelay_claim_takeovers_total',
    help: 'Jobs taken over from a worker whose heartbeats stopped.',
    registers,
  })

  /** Adds the gauges, which are read at each scrape. Call once. */
  function registerGauges({ countJobs, countSubscriptions, isSubmittingPaused }: GaugeSources): void {
    new Gauge({
      name: 'reelay_jobs',
      help: 'Open jobs in the whole database, by status.',
      labelNames: ['status'],
      registers,
      async collect() {
        const late = new DatabaseUnavailableError('jobs were not counted in time')
        const counts = await withTimeout(COUNT_MS, countJobs(), late).catch((error: unknown) => {
          onError(error, { stage: 'count jobs' })
        })
        // A count from before an outage would look current.
        this.reset()
        for (const [status, count] of counts ?? []) this.set({ status }, count)
      },
    })
    new Gauge({
      name: 'reelay_subscriptions',
      help: 'Open subscriptions.',
      registers,
      collect() {
        this.set(countSubscriptions())
      },
    })
    new Gauge({
      name: 'reelay_submitting_paused',
      help: '1 while submission to fal is paused.',
      registers,
      collect() {
        this.set(isSubmittingPaused() ? 1 : 0)
      },
    })
  }

  const processMetrics = openProcessRegistry()

  return {
    /** Counts an update; with it the status that the job left, and its end. */
    updateStored: (
      { status, final }: { status: JobStatus; final: boolean },
      previous: { status: JobStatus; seconds: number } | null,
    ) => {
      updates.inc()
      if (previous) stateSeconds.observe({ status: previous.status }, previous.seconds)
      if (final) ended.inc({ status })
    },
    falCalled: ({ call, outcome, seconds }: ObservedCall) => {
      falCalls.inc({ call, outcome })
      falSeconds.observe({ call }, seconds)
    },
    claimTakenOver: () => takeovers.inc(),
    registerGauges,
    /** All metrics in Prometheus' text format, without those that cannot be read at the moment. */
    render: async () => (await Promise.all([registry.metrics(), processMetrics.metrics()])).join(''),
    contentType: registry.contentType,
  }
}

let processRegistry: Registry | undefined

/**
 * prom-client's default metrics: processor time, memory, event loop, open files. They belong to the process, and their
 * observers of the event loop and the garbage collector cannot be stopped: so all apps share one registry. It does not
 * keep the process alive.
 */
function openProcessRegistry(): Registry {
  if (!processRegistry) {
    processRegistry = new Registry()
    collectDefaultMetrics({ register: processRegistry })
  }
  return processRegistry
}
