import { readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { PgBoss } from 'pg-boss'
import type { TestProject } from 'vitest/node'
import { openEmbeddedPostgres } from '../../src/adapters/embedded-postgres/server.ts'
import { deployMigrations } from '../../src/adapters/postgres/migrations/migrate.ts'
import { makeTemporaryDirectory } from './directories.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The run's Postgres, as its superuser, and the template database that each test file copies. */
    postgres: { url: string; template: string }
  }
}

const PREFIX = 'reelay-test-postgres'
const TEMPLATE = 'reelay_template'

/**
 * Settings that an administrator may have made and that no session of Reelay may inherit. Every database of the run has
 * them. Settings that would break the tests' own connections are in createForeignDatabase of test/helpers/postgres.ts.
 */
const FOREIGN_SETTINGS = {
  TimeZone: 'Asia/Kolkata',
  IntervalStyle: 'sql_standard',
  bytea_output: 'escape',
  extra_float_digits: '-5',
}

/** One Postgres for the whole run, with a template database that has the schema and the engine's tables. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  await removeLeftovers()
  const directory = await makeTemporaryDirectory(`${PREFIX}-${process.pid}`)
  const server = await openEmbeddedPostgres({ dataDir: directory.path, durable: false })
  const tearDown = async () => {
    await server.stop()
    await directory.remove()
  }
  try {
    await buildTemplate(server.url)
  } catch (error) {
    await tearDown()
    throw error
  }
  project.provide('postgres', { url: server.url, template: TEMPLATE })
  return tearDown
}

async function buildTemplate(url: string): Promise<void> {
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  try {
    for (const [name, value] of Object.entries(FOREIGN_SETTINGS))
      await admin.query(`alter role all set ${name} = '${value}'`)
    await admin.query(`create database ${TEMPLATE}`)
    const template = new URL(url)
    template.pathname = TEMPLATE
    await deployMigrations({ connectionString: template.href })

    const boss = new PgBoss({ connectionString: template.href, schema: 'pgboss', supervise: false, schedule: false })
    await boss.start()
    await boss.stop({ graceful: false })

    // A template with an open session cannot be copied.
    await admin.query(`alter database ${TEMPLATE} is_template true allow_connections false`)
  } finally {
    await admin.end()
  }
}

/** Stops servers that killed runs left behind. The name of a directory identifies its run. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1])
    if (!pid || isAlive(pid)) continue
    const dataDir = join(tmpdir(), name)
    const owner = await stat(dataDir).catch(() => null)
    if (owner === null || (process.getuid && owner.uid !== process.getuid())) continue
    const server = await openEmbeddedPostgres({ dataDir, durable: false }).catch(() => null) // partly deleted
    await server?.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
