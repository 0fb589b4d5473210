import { instrumentFal } from './adapters/fal/instrumented.ts'
import { openFalSignatures, readDeliveredId } from './adapters/fal/webhook-signature.ts'
import { asStartError } from './adapters/postgres/errors.ts'
import { createWriteCheck } from './adapters/postgres/write-check.ts'
import { buildStudio, STUDIO_DIRECTORY } from './adapters/studio-build.ts'
import type { Logger } from './adapters/telemetry/logger.ts'
import { createMetrics } from './adapters/telemetry/metrics.ts'
import { openTracing } from './adapters/telemetry/tracing.ts'
import type { Config } from './config.ts'
import type { Services } from './context.ts'
import { createErrorLogger, type ReportError } from './error-logger.ts'
import { createClaimedJobs } from './jobs/claimed-jobs.ts'
import { handleFalWebhook } from './jobs/fal-webhook.ts'
import { uploadImage } from './jobs/image-upload.ts'
import { createOpenJobCounter } from './jobs/job-counts.ts'
import { createJobs } from './jobs/jobs.ts'
import { scheduleMaintenance } from './jobs/maintenance.ts'
import { createProviderLog, toPauseWarning, toProbeText } from './jobs/provider.ts'
import { createWebhookUrls } from './jobs/webhook-url.ts'
import { createLifecycle } from './lifecycle.ts'
import { createCircuitBreaker } from './relay/circuit-breaker.ts'
import { probeFal } from './relay/fal-probe.ts'
import { createWorker } from './relay/worker.ts'
import { openResources } from './resources.ts'
import { schema } from './schema/index.ts'
import { openServer } from './server/server.ts'
import { createHub } from './updates/hub.ts'
import { connectBus, createNotifier } from './updates/notifier.ts'
import { createStreams } from './updates/stream.ts'
import { createUpdateLog } from './updates/update-log.ts'

/** What runs where, for the operator. */
export interface RunningApp {
  url: string
  database: string
  fal: string
}

/** The whole server. The composition root: with resources.ts, the only place that constructs. */
export function createApp(config: Config, logger: Logger) {
  const writeCheck = createWriteCheck()
  const logError = createErrorLogger(logger)
  const onError: ReportError = (error, context) => {
    writeCheck.note(error)
    logError(error, context)
  }
  const lifecycle = createLifecycle(onError)
  const servesApi = config.roles.includes('api')
  const relaysJobs = config.roles.includes('worker')
  const stopping = new AbortController()
  let starting: Promise<RunningApp> | undefined

  async function start(): Promise<RunningApp> {
    // A page that cannot be built is no reason not to serve the API. In production it was built before.
    const studioBuilt =
      servesApi && !config.production
        ? buildStudio().catch((error: unknown) => onError(error, { stage: 'studio' }))
        : Promise.resolve()
    if (config.tracing) lifecycle.onStop('tracing', await openTracing(onError))

    const notifier = createNotifier()
    const metrics = createMetrics(onError)
    notifier.on('updateStored', metrics.updateStored)

    const resources = await openResources({
      config,
      lifecycle,
      logger,
      onError,
      signal: stopping.signal,
      onTakeover: metrics.claimTakenOver,
    })
    const { db, queue } = resources
    const fal = instrumentFal(resources.fal, metrics.falCalled)
    const log = createUpdateLog({ db, notifier })
    const hub = createHub({ notifier, log, onError })
    lifecycle.onStop('hub', () => hub.stop())

    const provider = createProviderLog({ db, logger, onError })
    lifecycle.onStop('provider state', () => provider.stop())
    const breaker = createCircuitBreaker({
      random: Math.random,
      // Not instrumented: the probe is neither a job's call in the metrics nor a span.
      probe: (signal) => probeFal(resources.fal, signal),
      onPause: provider.paused,
      onResume: provider.resumed,
    })
    lifecycle.onStop('circuit breaker', () => breaker.stop())

    const webhookUrls = createWebhookUrls({ publicUrl: config.publicUrl ?? '', secret: resources.falKey })
    const worker = createWorker(
      {
        jobs: createClaimedJobs({ db, queue, log, notifier }),
        queue,
        log,
        fal,
        breaker,
        notifier,
        onError,
        // fal cannot reach a URL that is built from HOST and PORT.
        webhookUrl: config.publicUrl === null ? null : webhookUrls.toUrl,
        adoptionMs: config.adoptionSeconds * 1000,
        random: Math.random,
      },
      { concurrency: config.workerConcurrency },
    )
    const streams = createStreams({ log, hub })
    const services: Omit<Services, 'publicUrl'> = {
      db,
      log,
      provider,
      streams,
      jobs: createJobs({ db, queue, log, notifier }),
      uploadImage: (file) => uploadImage({ fal, onFailure: () => void breaker.check() }, file),
    }
    metrics.registerGauges({
      countJobs: createOpenJobCounter(db),
      countSubscriptions: () => hub.subscribers,
      isSubmittingPaused: () => breaker.paused !== null,
    })
    const bus = await connectBus(notifier, { openBus: resources.openBus, onError })
    lifecycle.onStop('bus', () => bus.stop())

    const signatures = openFalSignatures({ jwksUrl: resources.jwksUrl, onError })
    lifecycle.onStop('webhook keys', () => signatures.close())
    // Stopped after the server: clients reconnect elsewhere first, and the worker drains alone.
    lifecycle.onStop('worker', () => worker.stop())
    await studioBuilt
    const server = await openServer({
      config,
      schema,
      services,
      metrics,
      onError,
      health: {
        isDraining: () => stopping.signal.aborted,
        pingDatabase: () => db.$queryRaw`SELECT 1`,
        findWriteProblem: () => writeCheck.check(db),
        warnings: () => (breaker.paused ? [toPauseWarning(breaker.paused)] : []),
        onError,
      },
      studio: { directory: STUDIO_DIRECTORY, mediaSources: resources.mediaSources },
      webhooks: {
        verifySignature: signatures.verify,
        readRequestId: readDeliveredId,
        verifyUrl: webhookUrls.verify,
        handleDelivery: (delivery) => handleFalWebhook({ db, notifier }, delivery),
      },
    })
    lifecycle.onStop('server', () => server.stop())

    // Only a server that listens probes fal. The sandbox accepts any key.
    const firstProbe = config.fal.sandbox ? null : breaker.check()
    if (relaysJobs) {
      await scheduleMaintenance({ db, queue, logger, onError }, { retentionDays: config.updatesRetentionDays })
      worker.start()
    }
    const { database, fal: falName } = resources.names
    return { url: server.url, database, fal: firstProbe ? `${falName}, ${toProbeText(await firstProbe)}` : falName }
  }

  return {
    /** Opens everything in order; resolves once the server listens. A failure closes what was opened. */
    start: (): Promise<RunningApp> => {
      starting = start().catch(async (error: unknown) => {
        await lifecycle.stop()
        throw asStartError(error)
      })
      return starting
    },
    /** Aborts a start that is under way, and closes everything, newest first. */
    stop: async (): Promise<void> => {
      stopping.abort()
      await lifecycle.stop()
      // What a start that is under way opens after that is closed too, or its child processes would stay.
      await Promise.allSettled([starting])
      await lifecycle.stop()
    },
    /** Ends only the child processes that would outlive this one. */
    stopNow: lifecycle.stopNow,
  }
}
