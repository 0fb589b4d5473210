import { addAbortListener } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { StartError } from '../../../errors.ts'
import { withConnection } from '../connect.ts'
import { checkDatabase } from '../database-check.ts'
import { asStartError, findServerError } from '../errors.ts'
import { prepareSession, readSchema } from '../session.ts'
import { LOCK_FILE, LOCK_FILE_TEXT, type MigrationStatus, readMigrations, readStatus } from './history.ts'

const PRISMA_DIRECTORY = join(import.meta.dirname, '../../../../prisma')
const DIRECTORY = join(PRISMA_DIRECTORY, 'migrations')
const SCHEMA_PATH = join(PRISMA_DIRECTORY, 'schema.prisma')

/** Prisma's own number: its command line and this one wait for each other. */
const ADVISORY_LOCK = 72707369
const LOCK_TIMEOUT_SECONDS = 60
const LOCK_NOT_AVAILABLE = '55P03'
const NO_FILTERS = { externalTables: [], externalEnums: [] }

interface MigrateOptions {
  /** Of any Postgres from 14 on. Its parameter `schema` names the schema of the tables. */
  connectionString: string
  /** With a folder for each migration, and Prisma's lock file. Default: prisma/migrations. */
  directory?: string
  signal?: AbortSignal
}

/**
 * Applies the migrations that the database lacks and returns their names, in order; `[]` when there were none. Each is
 * applied in a separate transaction together with its row in `_prisma_migrations`, in the format of Prisma's command
 * line: a process that dies leaves nothing half-done. Any number of processes may call this at once: one of them
 * applies each migration, under a lock that its transaction holds, and the others find it applied.
 * @throws StartError when the database cannot be reached or used, a migration fails, or the lock stays taken for a
 * minute.
 */
export async function deployMigrations(options: MigrateOptions): Promise<string[]> {
  const { directory = DIRECTORY } = options
  return withClient(options, async (client, schema) => {
    const missingRight = await checkDatabase(client, schema)
    const { pending, failed } = await readStatus(client, directory)
    if (pending.length === 0 && failed.length === 0) return [] // the usual start: without the lock and the engine
    if (missingRight !== null) throw new StartError(missingRight)
    return applyPending(client, schema, directory)
  })
}

/** Compares the directory with the database; changes nothing. */
export async function migrationStatus({ connectionString }: MigrateOptions): Promise<MigrationStatus> {
  return withClient({ connectionString }, (client) => readStatus(client, DIRECTORY))
}

interface CreateMigrationOptions {
  /** The existing migrations are applied to a temporary database beside this one. */
  connectionString: string
  directory?: string
  schemaPath?: string
}

/** The SQL that leads from the migrations to schema.prisma; null when they agree. */
export async function diffSchema(options: CreateMigrationOptions): Promise<string | null> {
  const { connectionString, directory = DIRECTORY, schemaPath = SCHEMA_PATH } = options
  const schema = await readFile(schemaPath, 'utf8')
  const migrations = await readMigrations(directory)
  return withClient({ connectionString }, async (client, schemaName) => {
    const { openSchemaEngine } = await import('./schema-engine.ts')
    const engine = await openSchemaEngine(client, schemaName)
    try {
      const { exitCode, stdout } = await engine.diff({
        from: { tag: 'migrations', ...migrations },
        to: { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content: schema }] },
        script: true,
        exitCode: true,
        filters: NO_FILTERS,
      })
      return exitCode === 0 ? null : (stdout ?? null)
    } catch (error) {
      throw toStartError('the migrations could not be compared with schema.prisma', error)
    } finally {
      engine.free()
    }
  })
}

/**
 * Writes the migration that leads from those in the directory to schema.prisma, and returns its name; null when they
 * agree. It is not applied: read it first.
 */
export async function createMigration(name: string, options: CreateMigrationOptions): Promise<string | null> {
  const { directory = DIRECTORY } = options
  await mkdir(directory, { recursive: true }) // before the first migration
  const script = await diffSchema(options)
  if (script === null) return null
  const folder = toMigrationName(name, new Date())
  await mkdir(join(directory, folder))
  await writeFile(join(directory, folder, 'migration.sql'), script.endsWith('\n') ? script : `${script}\n`)
  await writeFile(join(directory, LOCK_FILE), LOCK_FILE_TEXT)
  return folder
}

/** `20260131235959_add_a_thing`: in UTC, so that names sort by the time they were made. */
export function toMigrationName(name: string, now: Date): string {
  const stamp = now.toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)
  const words = name.toLowerCase().match(/[a-z0-9]+/g)
  if (!words) throw new StartError(`a migration's name needs letters or digits, not "${name}".`)
  return `${stamp}_${words.join('_')}`
}

async function applyPending(client: pg.Client, schema: string, directory: string): Promise<string[]> {
  // Without this Postgres notices a dead client only when its statement ends, perhaps an hour later.
  await client.query(`set client_connection_check_interval = '1s'`).catch(() => {}) // not on every platform
  const { openSchemaEngine } = await import('./schema-engine.ts')
  const engine = await openSchemaEngine(client, schema)
  const all = await readMigrations(directory)
  const applied: string[] = []
  try {
    for (;;) {
      await beginAlone(client, schema)
      // Read again under the lock: its last holder has probably applied them.
      const { pending, failed } = await readStatus(client, directory)
      if (failed.length > 0) {
        throw new StartError(
          `the migration ${failed[0]} was started by another program and did not finish: see its row in _prisma_migrations, repair the database, then run \`npx prisma@7 migrate resolve\`.`,
        )
      }
      const [next] = pending
      if (next === undefined) return applied
      // The engine applies every migration that it gets and the database lacks. One more each time makes it apply them
      // one by one.
      const shown = all.migrationDirectories.filter(({ path }) => path <= next)
      await engine.applyMigrations({ migrationsList: { ...all, migrationDirectories: shown }, filters: NO_FILTERS })
      await client.query('commit')
      applied.push(next)
    }
  } catch (error) {
    throw error instanceof StartError ? error : toStartError('a migration failed, and nothing of it was kept', error)
  } finally {
    engine.free()
  }
}

/**
 * Begins a transaction that alone may migrate, in the schema, which is created when it is missing. The lock ends with
 * the transaction: a lock of the session would stay in the server connection of a pooler.
 */
async function beginAlone(client: pg.Client, schema: string): Promise<void> {
  await client.query('begin')
  await client.query(`set local lock_timeout = '${LOCK_TIMEOUT_SECONDS}s'`)
  try {
    await client.query('select pg_advisory_xact_lock($1)', [ADVISORY_LOCK])
  } catch (error) {
    if (findServerError(error)?.code !== LOCK_NOT_AVAILABLE) throw error
    throw new StartError(
      `another process has been migrating this database for more than ${LOCK_TIMEOUT_SECONDS} seconds: wait for it, or end it, and start again.`,
      { cause: error },
    )
  }
  await client.query('set local lock_timeout = default')
  const name = pg.escapeIdentifier(schema)
  const { rowCount } = await client.query('select from pg_namespace where nspname = $1', [schema])
  if (rowCount === 0) await client.query(`create schema ${name}`)
  await client.query(`set local search_path = ${name}`)
}

/** The engine's own message, without its stack. */
function toStartError(what: string, cause: unknown): StartError {
  const text = cause instanceof Error ? cause.message : String(cause)
  const migration = /migration_name="([^"]+)"/.exec(text)?.[1]
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^\s+(\d+:|with |at )/.test(line))
  return new StartError(`${what}${migration ? ` (${migration})` : ''}: ${lines.join(' ')}`, { cause })
}

async function withClient<Answer>(
  { connectionString, signal }: MigrateOptions,
  act: (client: pg.Client, schema: string) => Promise<Answer>,
): Promise<Answer> {
  signal?.throwIfAborted()
  return withConnection(connectionString, { name: 'reelay-migrate' }, async (client) => {
    // Also called when the signal has aborted during the connect.
    using _abort = signal && addAbortListener(signal, () => void client.end().catch(() => {}))
    try {
      const schema = readSchema(connectionString)
      await prepareSession(client, { schema })
      return await act(client, schema)
    } catch (error) {
      signal?.throwIfAborted()
      throw asStartError(error)
    }
  })
}
