import { randomUUID } from 'node:crypto'
import type { Bus } from './adapters/bus/bus.ts'
import { observeFal } from './adapters/fal/instrumented.ts'
import { openFalSignatures, readDeliveredId } from './adapters/fal/webhook-signature.ts'
import { asStartError, isDatabaseAway } from './adapters/postgres/client.ts'
import { createWriteCheck, type WriteCheck } from './adapters/postgres/write-check.ts'
import { buildStudio, STUDIO_DIRECTORY } from './adapters/studio-build.ts'
import type { Logger } from './adapters/telemetry/logger.ts'
import { createMetrics } from './adapters/telemetry/metrics.ts'
import { openTracing } from './adapters/telemetry/tracing.ts'
import type { Config } from './config.ts'
import type { Services } from './context.ts'
import { createReport, type Report } from './error-logger.ts'
import { createRelayJobs } from './jobs/claimed-jobs.ts'
import { createDeliveries } from './jobs/fal-webhook.ts'
import { createJobs } from './jobs/jobs.ts'
import { createHousekeeping } from './jobs/maintenance.ts'
import { createOpenJobs } from './jobs/open-jobs.ts'
import { createProviderLog, toKeyWords } from './jobs/provider.ts'
import { createUploads } from './jobs/uploads.ts'
import { createWebhookAddress } from './jobs/webhook-url.ts'
import { createLifecycle } from './lifecycle.ts'
import { createGate, type Gate, type GateDeps } from './relay/circuit-breaker.ts'
import { probeFal } from './relay/fal-probe.ts'
import { createWorker, type Worker } from './relay/worker.ts'
import { openResources } from './resources.ts'
import { schema } from './schema/index.ts'
import type { Health } from './server/health.ts'
import { openServer } from './server/server.ts'
import { createHub, type Hub } from './updates/hub.ts'
import { createStreams } from './updates/stream.ts'
import { createUpdateLog, type Publish, type UpdateLog } from './updates/update-log.ts'

/** How long the database may take to show that it is there, in milliseconds. */
const READY_MS = 1_500

/** How long the database may take to count jobs before the other figures are told without it, in milliseconds. */
const COUNT_MS = 1_500

/** When old logs and keys are removed: every ten minutes, for it costs next to nothing when there is nothing to do. */
const HOUSEKEEPING = '*/10 * * * *'

/** What runs where, for the operator. */
export interface RunningApp {
  url: string
  database: string
  fal: string
}

/** The whole server. */
export interface App {
  /** Opens everything in order, and answers once it serves. What was opened by then is closed again if something fails. */
  start(): Promise<RunningApp>
  /** Calls a start that is under way off, and closes everything, newest first. */
  stop(): Promise<void>
  /** Ends the processes that would outlive this one, and leaves all else as it is. */
  stopNow(): Promise<void>
}

/** The only place that constructs, with resources.ts for what the server stands on. */
export function createApp(config: Config, logger: Logger): App {
  const report = createReport(logger, isDatabaseAway)
  let writes: WriteCheck | undefined
  const onError: Report = (error, context) => {
    writes?.note(error)
    report(error, context)
  }
  const lifecycle = createLifecycle(onError)
  const servesApi = config.roles.includes('api')
  const relaysJobs = config.roles.includes('worker')
  const stopping = new AbortController()
  let starting: Promise<RunningApp> | undefined

  async function start(): Promise<RunningApp> {
    // A page that cannot be built is no reason not to serve the API. In production it was built before.
    const built =
      servesApi && !config.production
        ? buildStudio().catch((error: unknown) => onError(error, { stage: 'studio' }))
        : Promise.resolve()
    if (config.tracing) {
      const tracing = await openTracing({ onError })
      lifecycle.onStop('tracing', () => tracing.stop())
    }
    const metrics = createMetrics({
      countJobs: () => within(COUNT_MS, openJobs.count()),
      countSubscriptions: () => services.streams.open,
      isSubmittingPaused: () => gate.paused !== null,
      onError,
    })
    const onTakeover = () => metrics.claimTakenOver()
    const resources = await openResources({ config, lifecycle, logger, signal: stopping.signal, onError, onTakeover })
    const { db, queue } = resources
    writes = createWriteCheck({ db })
    const fal = observeFal(resources.fal, metrics.falCalled)
    const openJobs = createOpenJobs(db)

    // The hub asks the log for what others wrote, the log tells the hub what is written here.
    const hub: Hub & { stop(): void } = createHub({
      readHeads: (jobIds) => log.heads(jobIds),
      readTails: (after, limit) => log.readTails(after, limit),
      onError,
    })
    lifecycle.onStop('hub', () => hub.stop())
    const publish: Publish = (update, left) => {
      metrics.updateStored()
      if (left) metrics.stateLeft(left.status, left.seconds)
      if (update.final) metrics.jobEnded(update.status)
      hub.publish(update)
      bus.send({ kind: 'update', jobId: update.jobId, ownerId: update.ownerId, sequence: update.sequence })
    }
    const onTask = (): void => {
      worker.wake()
      bus.send({ kind: 'task' })
    }
    /** Whoever holds the job should look at its row, and at fal. */
    const ring = (jobId: string): void => {
      worker.ring(jobId)
      bus.send({ kind: 'look', jobId })
    }
    const log: UpdateLog = createUpdateLog({ db, publish })

    const address = createWebhookAddress({ publicUrl: () => config.publicUrl ?? '', secret: resources.falKey })
    const provider = createProviderLog({ db, id: randomUUID(), onError })
    lifecycle.onStop('provider state', () => provider.stop())
    // Not as a job's call: it is no figure of theirs, and no span.
    const probe = (signal: AbortSignal) => probeFal(resources.fal, signal)
    const gate = createSubmitGate({ probe, onPause: provider.paused, onResume: provider.resumed })
    lifecycle.onStop('gate', async () => gate.stop())
    const worker: Worker = createWorker(
      {
        jobs: createRelayJobs({ db, queue, log, publish }),
        queue,
        log,
        fal,
        gate,
        // Made up of host and port, it would be an address that fal cannot reach.
        webhookUrl: config.publicUrl === null ? null : address.toUrl,
        adoptionMs: config.adoptionSeconds * 1000,
        ring,
        random: Math.random,
        isAway: isDatabaseAway,
        onError,
      },
      { concurrency: config.workerConcurrency },
    )

    const services: Omit<Services, 'publicUrl'> = {
      db,
      jobs: createJobs({ db, isAway: isDatabaseAway, queue, log, publish, onTask, onCancel: ring }),
      log,
      provider,
      uploads: createUploads({ fal, onFailure: () => void gate.look() }),
      streams: createStreams({ log, hub, isAway: isDatabaseAway }),
    }
    // Last of these: what it brings goes to them.
    const bus: Bus = await resources.openBus({
      onHint: (hint) => {
        if (hint.kind === 'update') hub.hint(hint)
        else if (hint.kind === 'task') worker.wake()
        else worker.ring(hint.jobId)
      },
      onGap: () => {
        hub.gap()
        worker.wake()
      },
      onError,
    })
    lifecycle.onStop('bus', () => bus.stop())
    const health: Health = { notReady, warnings: () => toWarnings(gate) }

    const signatures = openFalSignatures({ jwksUrl: resources.jwksUrl, onError })
    lifecycle.onStop('webhook keys', () => signatures.close())
    const deliveries = createDeliveries({ db, onNews: ring })
    // Clients are sent elsewhere first; what the worker waits for then is its own.
    lifecycle.onStop('worker', () => worker.stop())
    await built
    const server = await openServer({
      config,
      schema,
      services,
      health,
      metrics,
      studio: { directory: STUDIO_DIRECTORY, mediaSources: resources.mediaSources },
      webhooks: { signatures, readRequestId: readDeliveredId, address, deliveries },
      onError,
      isAway: isDatabaseAway,
    })
    lifecycle.onStop('server', () => server.stop())
    // Not before: a server that cannot listen asks nobody. The sandbox takes any key.
    const firstLook = config.fal.sandbox ? null : gate.look()
    if (relaysJobs) {
      const housekeeping = createHousekeeping({ db, queue, onError }, { retentionDays: config.updatesRetentionDays })
      await queue.schedule('housekeeping', HOUSEKEEPING, async (signal) => {
        const tidied = await housekeeping.tidy(signal)
        if (Object.values(tidied).some((count) => count > 0)) logger.info(tidied, 'housekeeping')
      })
      worker.start()
    }
    const { names } = resources
    return { url: server.url, ...names, fal: firstLook ? `${names.fal}, ${toKeyWords(await firstLook)}` : names.fal }

    async function notReady(): Promise<string | null> {
      if (stopping.signal.aborted) return 'draining'
      try {
        await within(READY_MS, db.$queryRaw`SELECT 1`)
        return await within(READY_MS, writes?.check() ?? Promise.resolve(null))
      } catch (error) {
        onError(error, { stage: 'ready check' })
        return 'the database cannot be reached'
      }
    }
  }

  function createSubmitGate({ probe, onPause, onResume }: Omit<GateDeps, 'random'>): Gate {
    return createGate({
      random: Math.random,
      probe,
      onPause: (pause) => {
        onPause(pause)
        const { error } = pause
        const told = { kind: error.kind, status: error.status }
        if (error.kind === 'auth')
          logger.error(told, `submitting is paused, jobs wait: ${error.message}: set FAL_KEY to a key that fal takes`)
        else logger.warn(told, `submitting is paused, jobs wait: ${error.message}`)
      },
      onResume: (pause) => {
        onResume(pause)
        logger.info({ pausedMs: Date.now() - pause.since.getTime() }, 'submitting goes on')
      },
    })
  }

  async function startOrRelease(): Promise<RunningApp> {
    try {
      return await start()
    } catch (error) {
      await lifecycle.stop()
      throw asStartError(error)
    }
  }

  return {
    start: () => {
      starting = startOrRelease()
      return starting
    },
    stop: async () => {
      stopping.abort()
      await lifecycle.stop()
      // A process that is being started is known to nobody yet: it would be left behind.
      await Promise.allSettled([starting])
      await lifecycle.stop()
    },
    stopNow: lifecycle.stopNow,
  }
}

function toWarnings({ paused }: Gate): string[] {
  if (!paused) return []
  return [`submitting to fal is paused since ${paused.since.toISOString()}, jobs wait: ${paused.error.message}`]
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error('timeout expired')), timeoutMs)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
