import { join } from 'node:path'
import type { Bus, BusEvents } from './adapters/bus/bus.ts'
import { openPostgresBus } from './adapters/bus/postgres.ts'
import { lockDataDir } from './adapters/embedded-postgres/data-dir-lock.ts'
import { openEmbeddedPostgres } from './adapters/embedded-postgres/server.ts'
import { watchPostgres } from './adapters/embedded-postgres/watchdog.ts'
import { createFal } from './adapters/fal/client.ts'
import { toMediaSources } from './adapters/fal/hosts.ts'
import type { Fal } from './adapters/fal/types.ts'
import { type Database, openDatabase } from './adapters/postgres/client.ts'
import { settleTlsMode } from './adapters/postgres/connect.ts'
import { toServerName } from './adapters/postgres/database-url.ts'
import { deployMigrations } from './adapters/postgres/migrations/migrate.ts'
import { checkPooler } from './adapters/postgres/pooler-check.ts'
import { openQueue, type Queue } from './adapters/queue.ts'
import { openSandboxProcess } from './adapters/sandbox-process.ts'
import type { Logger } from './adapters/telemetry/logger.ts'
import type { Config } from './config.ts'
import { StartError } from './errors.ts'
import type { Lifecycle } from './lifecycle.ts'

/** The external systems that the server runs on. */
export interface Resources {
  db: Database
  queue: Queue
  /** Joins the processes of this installation. */
  openBus(events: BusEvents): Promise<Bus>
  fal: Fal
  /** fal's API key, or the sandbox's. */
  falKey: string
  /** URL of the key set that fal signs its webhooks with. */
  jwksUrl: string
  /** Hosts of videos, in the syntax of a Content-Security-Policy. */
  mediaSources: string[]
  /** Shown to the operator. */
  names: { database: string; fal: string }
}

export interface ResourceDeps {
  config: Config
  lifecycle: Lifecycle
  logger: Logger
  /** Aborts creating and starting the embedded database. */
  signal: AbortSignal
  onError(error: unknown, context: { stage: string }): void
  /** A task was claimed whose last claim had expired without a heartbeat. */
  onTakeover(): void
}

/** The sandbox accepts any key. Not a word, since fal's texts are redacted where they repeat it; constant, since webhook URLs are signed with it. */
const SANDBOX_KEY = '5b1d7e0c-9a42-4f6b-8c3d-1e2f3a4b5c6d:0f1e2d3c4b5a69788796a5b4c3d2e1f0'

/** Opens the database, the job engine and fal. The lifecycle closes what was opened, even when a later step fails. */
export async function openResources(deps: ResourceDeps): Promise<Resources> {
  const store = await openStore(deps)
  // Independent and slow, so opened together. Both settle before a failure is reported, or the one that opens late
  // would never be closed.
  const opening = [openFal(deps), openTables(deps, store.url)] as const
  await Promise.allSettled(opening)
  const [{ name, ...fal }, tables] = await Promise.all(opening)
  const { redisUrl } = deps.config
  return {
    ...tables,
    ...fal,
    openBus: async (events) => {
      if (redisUrl === null) return await openPostgresBus({ url: store.url, ...events })
      // Loading the client takes a quarter of the start.
      const { openRedisBus } = await import('./adapters/bus/redis.ts')
      return await openRedisBus({ url: redisUrl, ...events })
    },
    names: { database: store.name, fal: name },
  }
}

async function openStore({ config, lifecycle, signal, onError }: ResourceDeps): Promise<{ url: string; name: string }> {
  if (config.databaseUrl !== null)
    return { url: await settleTlsMode(config.databaseUrl), name: `Postgres at ${toServerName(config.databaseUrl)}` }
  const postgres = await openEmbeddedPostgres({ dataDir: config.dataDir, signal })
  // Two servers on one directory would stop each other's database and take each other's files.
  let unlock = await lockDataDir(postgres.url)
  if (!unlock)
    throw new StartError(
      `cannot start: another Reelay server uses ${config.dataDir}: stop it, or set DATA_DIR to another directory`,
    )
  lifecycle.onStop('embedded Postgres', () => postgres.stop(), { outlives: true })
  lifecycle.onStop('data directory lock', () => unlock?.())
  const onRevived = async () => {
    // The lock ended with the connection.
    unlock = await lockDataDir(postgres.url)
  }
  const stopWatching = watchPostgres({ postgres, onRevived, onError })
  // Registered last, so stopped first: it would restart the database that is being stopped.
  lifecycle.onStop('watchdog of Postgres', stopWatching, { outlives: true })
  return { url: postgres.url, name: `embedded Postgres, data in ${config.dataDir}` }
}

async function openFal({
  config,
  lifecycle,
  onError,
}: ResourceDeps): Promise<Pick<Resources, 'fal' | 'falKey' | 'jwksUrl' | 'mediaSources'> & { name: string }> {
  const { mediaHosts } = config.fal
  if (!config.fal.sandbox) {
    const { key, queueUrl, restUrl, jwksUrl } = config.fal
    return {
      fal: createFal({ key, queueUrl, restUrl, mediaHosts }),
      falKey: key,
      jwksUrl,
      mediaSources: toMediaSources({ queueUrl, restUrl, mediaHosts }),
      name: `fal at ${queueUrl}`,
    }
  }
  const sandbox = await openSandboxProcess({ dataDir: join(config.dataDir, 'sandbox'), onError })
  lifecycle.onStop('sandbox', () => sandbox.stop())
  const key = SANDBOX_KEY
  return {
    fal: createFal({ key, queueUrl: sandbox.url, restUrl: sandbox.url, mediaHosts }),
    falKey: key,
    jwksUrl: `${sandbox.url}/.well-known/jwks.json`,
    mediaSources: toMediaSources({ queueUrl: sandbox.url, restUrl: sandbox.url, mediaHosts }),
    name: `local sandbox at ${sandbox.url} (a stand-in for fal: set FAL_KEY for the real one)`,
  }
}

async function openTables(deps: ResourceDeps, url: string): Promise<{ db: Database; queue: Queue }> {
  const { config, lifecycle, logger, onError, onTakeover } = deps
  const applied = await deployMigrations({ connectionString: url })
  if (applied.length > 0) logger.info({ applied }, 'database migrated')
  const warning = await checkPooler(url, { needsNotifications: config.redisUrl === null })
  if (warning !== null) logger.warn(warning)
  const db = openDatabase({ url, onError })
  lifecycle.onStop('database', () => db.$disconnect())
  const queue = await openQueue({ url, onError, onTakeover })
  lifecycle.onStop('queue', () => queue.stop())
  return { db, queue }
}
