import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { compareMigrations, readMigrationNames } from '../../../src/adapters/postgres/migrations/history.ts'
import {
  createMigration,
  deployMigrations,
  diffSchema,
  migrationStatus,
  toMigrationName,
} from '../../../src/adapters/postgres/migrations/migrate.ts'
import { StartError } from '../../../src/errors.ts'
import { makeTemporaryDirectory, type TemporaryDirectory } from '../../helpers/directories.ts'
import { createTestDatabase, type TestDatabase } from '../../helpers/postgres.ts'

const COMMITTED = new URL('../../../prisma/migrations', import.meta.url).pathname
const LIBRARY = new URL('../../../src/adapters/postgres/migrations/migrate.ts', import.meta.url).pathname
const COMMAND = new URL('../../../prisma/migrate.ts', import.meta.url).pathname
const SCHEMA_PATH = new URL('../../../prisma/schema.prisma', import.meta.url).pathname

let database: TestDatabase
let client: pg.Client
let directory: TemporaryDirectory

beforeEach(async () => {
  database = await createTestDatabase({ empty: true })
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
  directory = await makeTemporaryDirectory('reelay-migrations')
})
afterEach(async () => {
  await client.end()
  await database.drop()
  await directory.remove()
})

async function writeMigration(name: string, sql: string): Promise<void> {
  await mkdir(join(directory.path, name), { recursive: true })
  await writeFile(join(directory.path, name, 'migration.sql'), sql)
}

const deploy = () => deployMigrations({ connectionString: database.url, directory: directory.path })

async function readRows(): Promise<{ migration_name: string; applied_steps_count: number; isFinished: boolean }[]> {
  const { rows } = await client.query(
    'select migration_name, applied_steps_count, finished_at is not null as "isFinished" from _prisma_migrations order by 1',
  )
  return rows
}

/** The command in a process of its own. */
async function run(...words: string[]): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, [COMMAND, ...words], { env: { ...process.env, DATABASE_URL: database.url } })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  const [code] = await once(child, 'close')
  return { code, output }
}

describe('the committed migrations', () => {
  test('agree with schema.prisma', async () => {
    expect(await diffSchema({ connectionString: database.url })).toBeNull()
  })

  test('use only the clock of the database, not the one of Prisma’s machine', async () => {
    expect(await readFile(SCHEMA_PATH, 'utf8')).not.toMatch(/@default\(now\(\)\)|@updatedAt/)
  })

  test('are applied once', async () => {
    const names = await readMigrationNames(COMMITTED)
    expect(await deployMigrations({ connectionString: database.url })).toEqual(names)
    expect(await deployMigrations({ connectionString: database.url })).toEqual([])
    expect(await readRows()).toEqual(
      names.map((name) => ({ migration_name: name, applied_steps_count: 1, isFinished: true })),
    )
  })

  test('are applied once by four processes that start together, and none fails', async () => {
    const names = await readMigrationNames(COMMITTED)
    const answers = await Promise.all([run('deploy'), run('deploy'), run('deploy'), run('deploy')])
    expect(answers.map(({ code }) => code)).toEqual([0, 0, 0, 0])
    expect(answers.flatMap(({ output }) => output.match(/\d{14}_\w+/g) ?? []).sort()).toEqual(names)
    expect(await readRows()).toHaveLength(names.length)
  })

  test('are listed by status', async () => {
    const names = await readMigrationNames(COMMITTED)
    expect(await migrationStatus({ connectionString: database.url })).toMatchObject({ applied: [], pending: names })
    expect(await run('status')).toMatchObject({ code: 1, output: expect.stringContaining(`pending: ${names[0]}`) })
    await deployMigrations({ connectionString: database.url })
    expect(await migrationStatus({ connectionString: database.url })).toMatchObject({ applied: names, pending: [] })
    expect(await run('status')).toMatchObject({ code: 0, output: expect.stringContaining('pending: none') })
  })
})

describe('the job counts by the hour', () => {
  const INSERT = `INSERT INTO "Job" (id, "ownerId", status, model, "motionBucketId", "condAug", fps, "createdAt")
    SELECT gen_random_uuid(), $1, $2::"JobStatus", 'a model', 1, 1, 1, at FROM unnest($3::timestamptz[]) AS at`
  const insert = (status: string, times: string[], by = client) => by.query(INSERT, ['local', status, times])

  /** The migrations before, then those from it on. */
  async function deployOlder(): Promise<void> {
    const names = await readMigrationNames(COMMITTED)
    const older = names.slice(
      0,
      names.findIndex((name) => name.endsWith('job_counts')),
    )
    for (const name of older) await cp(join(COMMITTED, name), join(directory.path, name), { recursive: true })
    await cp(join(COMMITTED, 'migration_lock.toml'), join(directory.path, 'migration_lock.toml'))
    await deploy()
  }
  const deployAll = () => deployMigrations({ connectionString: database.url })

  async function readSums() {
    const { rows } = await client.query(`SELECT status, hour, sum(jobs)::int AS jobs
      FROM (SELECT status, hour, jobs FROM "JobCount" UNION ALL SELECT status, hour, jobs FROM "JobCountDelta") AS part
      GROUP BY 1, 2 HAVING sum(jobs) <> 0 ORDER BY 1, 2`)
    return rows.map(({ status, hour, jobs }) => `${status} ${hour.toISOString().slice(0, 16)} ${jobs}`)
  }

  test('include earlier jobs, by hours of UTC', async () => {
    await deployOlder()
    await client.query(`ALTER DATABASE ${new URL(database.url).pathname.slice(1)} SET timezone = 'Asia/Kolkata'`)
    await insert('SUCCEEDED', ['2026-01-01T11:59:59.999Z', '2026-01-01T12:00:00Z', '2026-01-01T12:45:00Z'])
    await insert('PENDING', ['2026-01-01T12:29:00Z'])
    await deployAll()
    expect(await readSums()).toEqual([
      'PENDING 2026-01-01T12:00 1',
      'SUCCEEDED 2026-01-01T11:00 1',
      'SUCCEEDED 2026-01-01T12:00 2',
    ])
    expect((await client.query('SELECT FROM "JobCountDelta"')).rowCount).toBe(0)
  })

  test('include jobs written during the migration: earlier transactions end first, later ones wait', async () => {
    await deployOlder()
    const [early, late] = [new pg.Client(database.url), new pg.Client(database.url)]
    try {
      await Promise.all([early.connect(), late.connect()])
      const waiting = (count: number) =>
        untilRow(`SELECT FROM (SELECT count(*) FROM pg_locks
        WHERE relation = '"Job"'::regclass AND NOT granted) AS locks (count) WHERE count = ${count}`)
      await early.query('BEGIN')
      await insert('SUCCEEDED', ['2026-01-01T12:00:00Z'], early)
      const deploying = deployAll()
      await waiting(1)
      const writing = insert('FAILED', ['2026-01-01T12:00:00Z'], late)
      await waiting(2)
      await insert('SUCCEEDED', ['2026-01-01T12:30:00Z'], early)
      await early.query('COMMIT')
      await Promise.all([deploying, writing])
      expect(await readSums()).toEqual(['SUCCEEDED 2026-01-01T12:00 2', 'FAILED 2026-01-01T12:00 1'])
    } finally {
      await Promise.all([early.end(), late.end()])
    }
  })
})

test('a script is not cut at semicolons in a function or a string', async () => {
  await writeMigration(
    '1_function',
    `create function answer() returns text language plpgsql as $$ begin return 'a;b'; end $$; create table thing (at text default ';')`,
  )
  expect(await deploy()).toEqual(['1_function'])
  expect((await client.query('select answer()')).rows).toEqual([{ answer: 'a;b' }])
})

test('a migration may use a value that the previous one added to an enumeration', async () => {
  await writeMigration('1_type', `create type mood as enum ('calm')`)
  await writeMigration('2_value', `alter type mood add value 'glad'`)
  await writeMigration('3_use', `create table person (mood mood default 'glad')`)
  expect(await deploy()).toEqual(['1_type', '2_value', '3_use'])
})

test('a failed migration leaves nothing behind, and the next run starts with it', async () => {
  await writeMigration('1_good', 'create table good (id int)')
  await writeMigration('2_bad', 'create table half (id int); create table good (id int)')
  const failure = await deploy().catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(StartError)
  expect((failure as Error).message).toContain('2_bad')
  expect((failure as Error).message).toContain('relation "good" already exists')
  expect((await client.query(`select to_regclass('half') as half`)).rows).toEqual([{ half: null }])
  expect(await readRows()).toEqual([{ migration_name: '1_good', applied_steps_count: 1, isFinished: true }])

  await writeMigration('2_bad', 'create table half (id int)')
  expect(await deploy()).toEqual(['2_bad'])
})

test('a killed migrator does not block the next one', async () => {
  await writeMigration('1_slow', 'create table slow (id int); select pg_sleep(60)')
  const script = `
    const { deployMigrations } = await import(process.argv[1])
    await deployMigrations({ connectionString: process.argv[2], directory: process.argv[3] })`
  const words = ['--input-type=module', '--eval', script, LIBRARY, database.url, directory.path]
  const child = spawn(process.execPath, words, { stdio: 'inherit' })
  await untilRow(
    `select 1 from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid() and state = 'active'`,
  )
  child.kill('SIGKILL')
  await once(child, 'exit')
  await writeMigration('1_slow', 'create table slow (id int)')
  expect(await deploy()).toEqual(['1_slow'])
})

async function untilRow(sql: string): Promise<pg.QueryResult> {
  const deadline = Date.now() + 10_000
  while (Date.now() < deadline) {
    const result = await client.query(sql)
    if (result.rows.length > 0) return result
  }
  throw new Error(`no row within 10 s: ${sql}`)
}

test('a migration that another program left unfinished is reported, not applied', async () => {
  await writeMigration('1_first', 'create table first (id int)')
  await deploy()
  await client.query('update _prisma_migrations set finished_at = null')
  await expect(deploy()).rejects.toThrow('1_first')
})

test('a signal ends the wait for another migrator', async () => {
  await writeMigration('1_first', 'create table first (id int)')
  await client.query('select pg_advisory_lock(72707369)')
  const controller = new AbortController()
  const options = { connectionString: database.url, directory: directory.path, signal: controller.signal }
  const deploying = deployMigrations(options)
  const settled = deploying.catch((error: unknown) => error)
  await untilRow(
    `select 1 from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())`,
  )
  controller.abort(new Error('the process is ending'))
  expect(await settled).toMatchObject({ message: 'the process is ending' })
})

test('dev writes the changes that the migrations lack, and nothing the second time', async () => {
  await cp(COMMITTED, directory.path, { recursive: true })
  const schemaPath = join(directory.path, 'schema.prisma')
  const schema = await readFile(SCHEMA_PATH, 'utf8')
  await writeFile(schemaPath, `${schema}\nmodel Note {\n  id Int @id\n  text String\n}\n`)
  const options = { connectionString: database.url, directory: directory.path, schemaPath }

  const name = await createMigration('Add notes', options)

  expect(name).toMatch(/^\d{14}_add_notes$/)
  const script = await readFile(join(directory.path, String(name), 'migration.sql'), 'utf8')
  expect(script.match(/CREATE \w+ "\w+"/g)).toEqual(['CREATE TABLE "Note"'])
  expect(await createMigration('again', options)).toBeNull()
  const { rows } = await client.query(`select datname from pg_database where datname like 'reelay_shadow%'`)
  expect(rows).toEqual([])
})

test('a database that cannot be reached is a clear error without the password', async () => {
  const wrong = new URL(database.url)
  wrong.password = 'a-wrong-secret'
  const nowhere = 'postgres://someone:a-wrong-secret@127.0.0.1:1/nothing'
  const nonsense = 'postgres://someone:a-wrong-secret@:bad:port/'
  for (const connectionString of [wrong.href, nowhere, nonsense]) {
    const failure = await deployMigrations({ connectionString }).catch((error: unknown) => error as Error)
    expect(failure).toBeInstanceOf(StartError)
    expect(String(failure)).toContain('DATABASE_URL')
    expect(JSON.stringify(failure) + String(failure)).not.toContain('a-wrong-secret')
  }
})

test('a migration that was rolled back and applied again counts as applied', () => {
  const at = new Date()
  const status = compareMigrations(
    ['1_a', '2_b', '3_c'],
    [
      { migration_name: '1_a', finished_at: null, rolled_back_at: at },
      { migration_name: '1_a', finished_at: at, rolled_back_at: null },
      { migration_name: '2_b', finished_at: null, rolled_back_at: null },
      { migration_name: '9_z', finished_at: at, rolled_back_at: null },
    ],
  )
  expect(status).toEqual({ applied: ['1_a', '9_z'], pending: ['2_b', '3_c'], failed: ['2_b'], unknown: ['9_z'] })
})

test('names of migrations sort by time and hold only letters, digits and underscores', () => {
  expect(toMigrationName('Add: a  Thing!', new Date('2026-01-31T23:59:58Z'))).toBe('20260131235958_add_a_thing')
  expect(() => toMigrationName('…', new Date())).toThrow(StartError)
})
