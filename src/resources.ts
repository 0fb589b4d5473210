import { join } from 'node:path'
import type { Bus, BusEvents } from './adapters/bus/bus.ts'
import { openPostgresBus } from './adapters/bus/postgres.ts'
import { lockDataDir } from './adapters/embedded-postgres/data-dir-lock.ts'
import { openEmbeddedPostgres } from './adapters/embedded-postgres/server.ts'
import { watchPostgres } from './adapters/embedded-postgres/watchdog.ts'
import { createFal } from './adapters/fal/client.ts'
import { toMediaSources } from './adapters/fal/hosts.ts'
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

interface ResourceDeps {
  config: Config
  lifecycle: Lifecycle
  logger: Logger
  /** Aborts creating and starting the embedded database, and the migrations. */
  signal: AbortSignal
  onError(error: unknown, context: { stage: string }): void
  /** A task was claimed whose last claim had expired without a heartbeat. */
  onTakeover(): void
}

/**
 * The sandbox accepts any key. Not a word, since fal's texts are redacted where they repeat it; constant, since webhook
 * URLs are signed with it.
 */
const SANDBOX_KEY = '5b1d7e0c-9a42-4f6b-8c3d-1e2f3a4b5c6d:0f1e2d3c4b5a69788796a5b4c3d2e1f0'

/**
 * Opens the external systems that the server runs on: the database, the job engine and fal. The lifecycle closes what was
 * opened, even when a later step fails.
 */
export async function openResources(deps: ResourceDeps) {
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
    /** Joins the processes of this installation. */
    openBus: async (events: BusEvents): Promise<Bus> => {
      if (redisUrl === null) return await openPostgresBus({ url: store.url, ...events })
      // Loading the client takes a quarter of the start.
      const { openRedisBus } = await import('./adapters/bus/redis.ts')
      return await openRedisBus({ url: redisUrl, ...events })
    },
    /** Shown to the operator. */
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

async function openFal(deps: ResourceDeps) {
  const { fal } = deps.config
  const { key, queueUrl, restUrl, jwksUrl } = fal.sandbox ? await openSandbox(deps) : fal
  const hosts = { queueUrl, restUrl, mediaHosts: fal.mediaHosts }
  return {
    fal: createFal({ key, ...hosts }),
    /** fal's API key, or the sandbox's. */
    falKey: key,
    /** URL of the key set that fal signs its webhooks with. */
    jwksUrl,
    /** Hosts of videos, in the syntax of a Content-Security-Policy. */
    mediaSources: toMediaSources(hosts),
    name: fal.sandbox
      ? `local sandbox at ${queueUrl} (a stand-in for fal: set FAL_KEY for the real one)`
      : `fal at ${queueUrl}`,
  }
}

async function openSandbox({ config, lifecycle, onError }: ResourceDeps) {
  const { url, stop } = await openSandboxProcess({ dataDir: join(config.dataDir, 'sandbox'), onError })
  lifecycle.onStop('sandbox', stop)
  return { key: SANDBOX_KEY, queueUrl: url, restUrl: url, jwksUrl: `${url}/.well-known/jwks.json` }
}

async function openTables(deps: ResourceDeps, url: string): Promise<{ db: Database; queue: Queue }> {
  const { config, lifecycle, logger, signal, onError, onTakeover } = deps
  const applied = await deployMigrations({ connectionString: url, signal })
  if (applied.length > 0) logger.info({ applied }, 'database migrated')
  const warning = await checkPooler(url, { needsNotifications: config.redisUrl === null })
  if (warning !== null) logger.warn(warning)
  const db = openDatabase({ url, onError })
  lifecycle.onStop('database', () => db.$disconnect())
  const queue = await openQueue({ url, onError, onTakeover })
  lifecycle.onStop('queue', () => queue.stop())
  return { db, queue }
}
