import { randomUUID } from 'node:crypto'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ListJobsDocument } from '../../operations/generated/graphql.ts'
import { deployMigrations } from '../../src/adapters/postgres/migrations/migrate.ts'
import type { Config } from '../../src/config.ts'
import { StartError } from '../../src/errors.ts'
import { startTestApp } from '../helpers/app.ts'
import { request } from '../helpers/graphql-client.ts'
import { createForeignDatabase, type ForeignDatabase } from '../helpers/postgres.ts'
import { runServerProcess } from '../helpers/server-process.ts'
import { IMAGE_DATA_URI, openRig, type Rig } from './rig.ts'

async function openDatabase(options: { encoding?: string } = {}): Promise<ForeignDatabase> {
  const database = await createForeignDatabase(options)
  onTestFinished(database.drop)
  return database
}

async function open(url: string, config: Partial<Config> = {}): Promise<Rig> {
  const rig = await openRig({ fal: { stepMs: 20 }, database: { url }, config })
  onTestFinished(rig.close)
  return rig
}

/** Why a server does not start there; null when it does. */
async function findObstacle(url: string): Promise<string | null> {
  try {
    const app = await startTestApp({ databaseUrl: url, falUrl: 'http://127.0.0.1:1' })
    await app.stop()
    return null
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    expect(error.message).toMatch(/^cannot start: [^\n]{1,486}$/)
    return error.message
  }
}

function withSchema(url: string, schema: string): string {
  return `${url}?schema=${schema}`
}

async function makeJob(rig: Rig): Promise<string> {
  const job = await rig.generate({ imageUrl: IMAGE_DATA_URI })
  const updates = await rig.watch(job.id, job.cursor)
  expect(updates.at(-1)?.status).toBe('SUCCEEDED')
  return job.id
}

const tablesOf = async ({ administer }: ForeignDatabase) => {
  const { rows } = await administer(
    `select distinct schemaname from pg_tables where schemaname !~ '^(pg_|information_schema)' order by 1`,
  )
  return rows.map(({ schemaname }) => schemaname)
}

test('a job is made with a role of other settings, in its own schema, and its times are those of Postgres', async () => {
  const database = await openDatabase()
  // "$user" in the default search path.
  await database.administer(`create schema ${database.name} authorization ${database.name};
    grant create on database ${database.name} to ${database.name}`)
  const rig = await open(withSchema(database.url, database.name))
  await makeJob(rig)

  const { data } = await request(rig.url, ListJobsDocument, {})
  const [job] = data.jobs.edges.map(({ node }) => node)
  const { rows } = await database.administer(
    `select "createdAt", "startedAt", "finishedAt" from ${database.name}."Job"`,
  )
  const { createdAt, startedAt, finishedAt } = rows[0] as Record<string, Date>
  expect(job).toMatchObject({
    createdAt: createdAt?.toISOString(),
    startedAt: startedAt?.toISOString(),
    finishedAt: finishedAt?.toISOString(),
  })
  const tookMs = Number(finishedAt) - Number(createdAt)
  expect(Number(startedAt)).toBeGreaterThanOrEqual(Number(createdAt))
  expect(tookMs).toBeGreaterThan(0)
  expect(tookMs).toBeLessThan(60_000)
  const metrics = await (await fetch(`${rig.url}/metrics`)).text()
  const seconds = /reelay_job_state_seconds_sum\{status="PENDING"\} (\S+)/.exec(metrics)?.[1]
  expect(Number(seconds)).toBeLessThan(60)
  expect(await tablesOf(database)).toEqual([database.name, `${database.name}_pgboss`].sort())
})

test('two servers in two schemas of a database do not see each other', async () => {
  const database = await openDatabase()
  await database.administer(`grant create on database ${database.name} to ${database.name}`)
  const [one, two] = [await open(withSchema(database.url, 'one')), await open(withSchema(database.url, 'Two'))]
  const ids = [await makeJob(one), await makeJob(two)]
  for (const [index, rig] of [one, two].entries()) {
    const { data } = await request(rig.url, ListJobsDocument, {})
    expect(data.jobs.edges.map(({ node }) => node.id)).toEqual([ids[index]])
    expect(data.jobs.totalCount).toBe(1)
  }
  expect(await tablesOf(database)).toEqual(['Two', 'Two_pgboss', 'one', 'one_pgboss'])
  for (const schema of ['one_pgboss', '"Two_pgboss"']) {
    const { rowCount } = await database.administer(`select from ${schema}.job where name = 'relay'`)
    expect(rowCount).toBe(1)
  }
})

describe('a role without rights', () => {
  test('gets the missing grants in one line, and starts with them', async () => {
    const database = await openDatabase()
    const obstacle = await findObstacle(database.url)
    const { name } = database
    const grants = `GRANT CREATE ON SCHEMA "public" TO "${name}"; CREATE SCHEMA "pgboss" AUTHORIZATION "${name}"`
    expect(obstacle).toBe(
      `cannot start: the role "${name}" lacks rights in the database "${name}": let its owner run ${grants}; or add ?schema=NAME to DATABASE_URL for a schema that the role owns`,
    )
    expect(await tablesOf(database)).toEqual([])
    await database.administer(grants)
    await makeJob(await open(database.url))
    expect(await tablesOf(database)).toEqual(['pgboss', 'public'])
  })

  test('is enough once an administrator has made the tables, but for reading and writing them', async () => {
    const database = await openDatabase()
    const admin = new URL(database.url)
    const owner = `owner_${randomUUID().replaceAll('-', '')}`
    await database.administer(`create role ${owner} login superuser password 'a secret'`)
    onTestFinished(async () => {
      await database.administer(`reassign owned by ${owner} to current_user; drop owned by ${owner}`)
      await database.administer(`drop role ${owner}`)
    })
    admin.username = owner
    expect(await findObstacle(admin.href)).toBeNull()

    await database.administer(`revoke temporary on database ${database.name} from public`)
    const lacking = await findObstacle(database.url)
    const grants = /let its owner run (.*)/.exec(String(lacking))?.[1] ?? ''
    expect(grants).toBe(
      [
        `GRANT TEMPORARY ON DATABASE "${database.name}" TO "${database.name}"`,
        `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "public" TO "${database.name}"`,
        `GRANT USAGE ON SCHEMA "pgboss" TO "${database.name}"`,
        `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "pgboss" TO "${database.name}"`,
      ].join('; '),
    )
    await database.administer(grants)
    await makeJob(await open(database.url))

    // What a later migration brings is not among those that were granted.
    const { rows } = await database.administer(`select tablename from pg_tables where schemaname = 'public'`)
    expect(rows.length).toBeGreaterThan(0)
    for (const { tablename } of rows) {
      await database.administer(`revoke select on "${tablename}" from ${database.name}`)
      const obstacle = await deployMigrations({ connectionString: database.url }).catch(String)
      expect(obstacle, tablename).toContain('GRANT SELECT')
      await database.administer(`grant select on "${tablename}" to ${database.name}`)
    }

    await database.administer('delete from _prisma_migrations')
    expect(await findObstacle(database.url)).toContain(`GRANT CREATE ON SCHEMA "public" TO "${database.name}"`)
  })
})

describe('a server does not start on a database', () => {
  test.each(['LATIN1', 'SQL_ASCII'])('whose encoding is %s', async (encoding) => {
    const database = await openDatabase({ encoding })
    expect(await findObstacle(database.url)).toContain(`has the encoding ${encoding}`)
    expect(await tablesOf(database)).toEqual([])
  })

  test('that refuses writes', async () => {
    const database = await openDatabase()
    await database.administer(`alter role ${database.name} set default_transaction_read_only = on`)
    expect(await findObstacle(database.url)).toContain('is read-only')
  })

  test('with an unexpected failure, in one line', async () => {
    const database = await openDatabase()
    await database.administer(`alter database ${database.name} owner to ${database.name}`)
    await deployMigrations({ connectionString: database.url })
    await database.administer(`create schema pgboss authorization ${database.name};
      create table pgboss.version (nonsense int); alter table pgboss.version owner to ${database.name}`)
    const { code, output } = await runServerProcess({ DATABASE_URL: database.url, FAL_KEY: 'k', LOG_LEVEL: 'fatal' })
    expect(output).toBe(
      'cannot start: the database failed (42883): function pgboss.create_queue(unknown, jsonb) does not exist; fix that, and start again\n',
    )
    expect(code).toBe(1)
  })
})
