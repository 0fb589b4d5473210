import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { deployMigrations } from '../prisma/migrate.ts'
import { takeDataDirLease } from './adapters/data-dir-lease.ts'
import { type Database, openDatabase } from './adapters/db.ts'
import { openEmbeddedPostgres } from './adapters/embedded-postgres.ts'
import { createFal, type Fal, FalError } from './adapters/fal.ts'
import type { Logger } from './adapters/logger.ts'
import { openQueue, type Queue } from './adapters/queue.ts'
import { openSandboxProcess } from './adapters/sandbox-process.ts'
import type { Config } from './config.ts'
import type { Services } from './context.ts'
import { StartError } from './errors.ts'
import { createHub, type Hub } from './events/hub.ts'
import { createEventLog, type EventLog } from './events/log.ts'
import { createStreams } from './events/stream.ts'
import { createJobs } from './jobs/jobs.ts'
import { createRelayJobs } from './jobs/relay-jobs.ts'
import { TRANSITIONS } from './jobs/state.ts'
import { createUploads } from './jobs/uploads.ts'
import { createLifecycle } from './lifecycle.ts'
import { createWorker, type Worker } from './relay/worker.ts'
import { schema } from './schema/index.ts'
import { createGraphQLServer } from './server/graphql.ts'
import { createHttpServer } from './server/http.ts'
import { createOriginCheck } from './server/origins.ts'
import { serveGraphQLSockets } from './server/ws.ts'

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
  /** Closes everything, newest first. */
  stop(): Promise<void>
}

/** The only place that constructs. */
export function createApp(config: Config, logger: Logger): App {
  const lifecycle = createLifecycle(onError)
  let stopping = false

  function onError(error: unknown, context: { stage: string; jobId?: string; id?: string }): void {
    // What fal says is foreseen and dealt with: a line is enough, the stack would tell of nothing but us.
    if (error instanceof FalError)
      logger.warn({ ...context, kind: error.kind, status: error.status }, `${context.stage}: ${error.message}`)
    else logger.error({ ...context, err: error }, `${context.stage} failed`)
  }

  async function openStore(): Promise<{ url: string; name: string }> {
    if (config.databaseUrl !== null)
      return { url: config.databaseUrl, name: `Postgres at ${new URL(config.databaseUrl).host}` }
    const postgres = await openEmbeddedPostgres({ dataDir: config.dataDir })
    // Two servers on one directory would stop each other's database and take each other's files.
    const lease = await takeDataDirLease(postgres.url)
    if (!lease)
      throw new StartError(
        `cannot start: another Reelay server uses ${config.dataDir}: stop it, or set DATA_DIR to another directory`,
      )
    lifecycle.onStop('embedded Postgres', () => postgres.stop())
    lifecycle.onStop('lease', () => lease.release())
    return { url: postgres.url, name: `embedded Postgres, data in ${config.dataDir}` }
  }

  async function openFal(): Promise<{ fal: Fal; name: string }> {
    const { mediaHosts } = config.fal
    if (!config.fal.sandbox) {
      const { key, queueUrl, restUrl } = config.fal
      return { fal: createFal({ key, queueUrl, restUrl, mediaHosts }), name: `fal at ${queueUrl}` }
    }
    const sandbox = await openSandboxProcess({ dataDir: join(config.dataDir, 'sandbox'), onError })
    lifecycle.onStop('sandbox', () => sandbox.stop())
    const fal = createFal({ key: 'sandbox', queueUrl: sandbox.url, restUrl: sandbox.url, mediaHosts })
    return { fal, name: `local sandbox at ${sandbox.url} (a stand-in for fal: set FAL_KEY for the real one)` }
  }

  async function openTables(url: string): Promise<{ db: Database; queue: Queue }> {
    const applied = await deployMigrations({ connectionString: url })
    if (applied.length > 0) logger.info({ applied }, 'database migrated')
    const db = openDatabase({ url, onError })
    lifecycle.onStop('database', () => db.$disconnect())
    const queue = await openQueue({ url, onError })
    lifecycle.onStop('queue', () => queue.stop())
    return { db, queue }
  }

  async function start(): Promise<RunningApp> {
    const store = await openStore()
    // The two know nothing of each other, and both take a moment. Both have come to an end before a failure is told:
    // what opens late would be closed by nobody.
    const opening = [openFal(), openTables(store.url)] as const
    await Promise.allSettled(opening)
    const [{ fal, name: falName }, { db, queue }] = await Promise.all(opening)

    // The hub asks the log for heads, the log tells the hub what it has stored.
    const hub: Hub & { stop(): void } = createHub({ readHeads: (jobIds) => log.heads(jobIds), onError })
    lifecycle.onStop('hub', () => hub.stop())
    const log: EventLog = createEventLog({ db, states: TRANSITIONS, publish: hub.publish })

    const relayJobs = createRelayJobs({ db, queue, log, publish: hub.publish })
    const worker: Worker = createWorker(
      { jobs: relayJobs, queue, log, fal, random: Math.random, onError },
      { concurrency: config.workerConcurrency },
    )
    const jobs = createJobs({ db, queue, log, publish: hub.publish, onTask: worker.wake, onCancel: worker.ring })

    let publicUrl = config.publicUrl ?? ''
    const services: Services = {
      db,
      jobs,
      log,
      uploads: createUploads({ fal }),
      streams: createStreams({ log, hub }),
      get publicUrl() {
        return publicUrl
      },
    }
    const { graphiql, introspection, allowedOrigins, production } = config
    const allowsOrigin = createOriginCheck(() => ({ publicUrl, allowedOrigins, production }))
    const graphql = createGraphQLServer({ schema, services, allowsOrigin, graphiql, introspection, onError })
    const server = createHttpServer({ graphql, services, allowsOrigin, notReady, onError })
    const sockets = serveGraphQLSockets(server, { graphql, path: '/graphql', allowsOrigin })

    const listening = once(server, 'listening')
    server.listen(config.port, config.host)
    await listening.catch((error: NodeJS.ErrnoException) => {
      throw new StartError(
        `cannot start: ${config.host}:${config.port} cannot be listened on (${error.code}); set HOST and PORT to a free address`,
        { cause: error },
      )
    })
    const url = toUrl(config.host, (server.address() as AddressInfo).port)
    publicUrl ||= url
    lifecycle.onStop('http', async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeIdleConnections()
      // Answers under way get a moment; streams would stay for ever.
      const forced = setTimeout(() => server.closeAllConnections(), 2_000)
      await closed
      clearTimeout(forced)
    })
    lifecycle.onStop('sockets', () => sockets.stop())

    worker.start()
    lifecycle.onStop('worker', () => worker.stop())
    return { url, database: store.name, fal: falName }

    async function notReady(): Promise<string | null> {
      if (stopping) return 'draining'
      try {
        await db.$queryRaw`SELECT 1`
        return null
      } catch (error) {
        onError(error, { stage: 'ready check' })
        return 'the database cannot be reached'
      }
    }
  }

  async function stop(): Promise<void> {
    stopping = true
    await lifecycle.stop()
  }

  return {
    start: async () => {
      try {
        return await start()
      } catch (error) {
        await stop()
        throw error
      }
    },
    stop,
  }
}

function toUrl(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
