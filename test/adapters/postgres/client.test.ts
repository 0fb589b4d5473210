import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase, transact } from '../../../src/adapters/postgres/client.ts'
import { findUnwritable, toDatabaseError } from '../../../src/adapters/postgres/errors.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { DatabaseUnavailableError } from '../../../src/errors.ts'
import { type FaultMode, type FaultProxy, startFaultProxy } from '../../helpers/fault-proxy.ts'
import { createTestDatabase, type TestDatabase } from '../../helpers/postgres.ts'
import { until } from '../../helpers/until.ts'

let database: TestDatabase
let proxy: FaultProxy
let db: Database
let admin: pg.Client

beforeAll(async () => {
  database = await createTestDatabase()
  proxy = await startFaultProxy({ port: Number(new URL(database.url).port) })
  db = openDatabase({ url: proxy.through(database.url), connections: 3, onError: () => {} })
  admin = new pg.Client({ connectionString: database.url })
  await admin.connect()
})

beforeEach(async () => {
  proxy.mode = 'pass'
  await untilAvailable()
})

afterAll(async () => {
  await db.$disconnect()
  await admin.end()
  await proxy.stop()
  await database.drop()
})

const ask = () => db.$queryRaw`SELECT 1`
const count = () => db.job.count()
const write = () => transact(db, (tx) => tx.$queryRaw`SELECT 1`)

/** Waits until the database answers on all connections. */
async function untilAvailable(): Promise<void> {
  await until(async () => {
    await Promise.all([ask(), count(), write()])
    return true
  })
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  const started = performance.now()
  const error = await work.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )
  expect(performance.now() - started).toBeLessThan(5_000)
  return error
}

describe.each<FaultMode>(['cut', 'reset', 'blackhole'])('a database behind a proxy in mode %s', (mode) => {
  test('is unavailable to every kind of query, and used again afterwards', async () => {
    proxy.mode = mode
    // Twice each: over open connections, and without any.
    for (const error of await Promise.all([ask, count, write, ask, count, write].map((run) => failureOf(run()))))
      expect(error).toBeInstanceOf(DatabaseUnavailableError)
    proxy.mode = 'pass'
    await untilAvailable()
  })

  test('is unavailable in the middle of a transaction too', async () => {
    const error = await failureOf(
      transact(db, async (tx) => {
        await tx.$queryRaw`SELECT 1`
        proxy.mode = mode
        await tx.$queryRaw`SELECT 2`
      }),
    )
    expect(error).toBeInstanceOf(DatabaseUnavailableError)
    proxy.mode = 'pass'
    await untilAvailable()
    // The pool reuses no connection with an unanswered statement.
    for (let round = 0; round < 6; round++) await write()
  })
})

test('the locks of a client behind a black hole are released', async () => {
  await admin.query('create table locked (id int)')
  await admin.query('insert into locked values (1)')
  const lost = failureOf(
    transact(db, async (tx) => {
      await tx.$queryRaw`SELECT id FROM locked FOR UPDATE`
      proxy.mode = 'blackhole'
      await tx.$queryRaw`SELECT 2`
    }),
  )
  expect(await lost).toBeInstanceOf(DatabaseUnavailableError)
  await admin.query(`set lock_timeout = '15s'`)
  expect((await admin.query('select id from locked for update')).rowCount).toBe(1)
  await admin.query('drop table locked')
})

test('a query whose connection the server ends reports an unavailable database', async () => {
  const sleeping = failureOf(db.$queryRaw`SELECT pg_sleep(2)`)
  const end = `select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'reelay' and datname = current_database() and query like '%pg_sleep%'`
  for (let ended = 0; ended === 0; ) ended = (await admin.query(end)).rowCount ?? 0
  expect(await sleeping).toBeInstanceOf(DatabaseUnavailableError)
  await ask()
})

test('a database without a free connection is unavailable', async () => {
  const name = new URL(database.url).pathname.slice(1)
  await admin.query(`create role crowded login password 'crowded' connection limit 0`)
  await admin.query(`grant connect on database ${name} to crowded`)
  const url = new URL(database.url)
  url.username = url.password = 'crowded'
  const crowded = openDatabase({ url: url.href, onError: () => {} })
  expect(await failureOf(crowded.$queryRaw`SELECT 1`)).toBeInstanceOf(DatabaseUnavailableError)
  await crowded.$disconnect()
  await admin.query(`drop owned by crowded`)
  await admin.query(`drop role crowded`)
})

test('a burst is served completely while the queue moves, however long its last callers wait', async () => {
  // Three connections: the last one's turn comes after some 4 s.
  const slow = (tx: Pick<Database, '$queryRaw'>) => tx.$queryRaw`SELECT pg_sleep(0.4)::text`
  const burst = Array.from({ length: 30 }, (_, index) => (index % 2 ? transact(db, slow) : slow(db)))
  await Promise.all(burst)
})

test('all callers that queue for a database in a black hole are refused in time, and so are later ones', async () => {
  proxy.mode = 'blackhole'
  const queued = Array.from({ length: 60 }, (_, index) => failureOf(index % 2 ? write() : ask()))
  for (const error of await Promise.all(queued)) expect(error).toBeInstanceOf(DatabaseUnavailableError)
  const late = Array.from({ length: 60 }, () => failureOf(count()))
  for (const error of await Promise.all(late)) expect(error).toBeInstanceOf(DatabaseUnavailableError)
})

test('a caller that waits in vain for a connection reports an unavailable database', async () => {
  let held = 0
  const done = Promise.withResolvers<void>()
  const hold = () => {
    held++
    return done.promise
  }
  const holding = Array.from({ length: 3 }, () => transact(db, hold))
  await until(() => held === 3)
  expect(await failureOf(ask())).toBeInstanceOf(DatabaseUnavailableError)
  done.resolve()
  await Promise.all(holding)
  await ask()
})

test.each(['40001', '40P01', '55P03'])('a transaction that fails with %s is retried', async (code) => {
  let tries = 0
  await transact(db, async (tx) => {
    tries++
    if (tries < 3) await tx.$executeRawUnsafe(`do $$ begin raise exception 'no' using errcode = '${code}'; end $$`)
  })
  expect(tries).toBe(3)
})

test('a transaction is tried three times at most, and is not retried after other errors', async () => {
  let tries = 0
  const failing = (code: string) =>
    transact(db, async (tx) => {
      tries++
      await tx.$executeRawUnsafe(`do $$ begin raise exception 'no' using errcode = '${code}'; end $$`)
    })
  await failureOf(failing('40001'))
  expect(tries).toBe(3)
  tries = 0
  expect(await failureOf(failing('23514'))).not.toBeInstanceOf(DatabaseUnavailableError)
  expect(tries).toBe(1)
})

test('a value that cannot be serialized is no outage of the database', async () => {
  const pool = createPool({ url: database.url, name: 'test', connections: 1, onError: () => {} })
  const toPostgres = () => {
    throw new TypeError('cannot be serialized')
  }
  await expect(pool.query('SELECT $1', [{ toPostgres }])).rejects.toThrow(TypeError)
  await expect(pool.query('SELECT 1')).resolves.toMatchObject({ rowCount: 1 })
  await pool.end()
})

test('a full disk is recognized in the copy of an error that pg-boss reports', () => {
  const full = new pg.DatabaseError('No space left on device', 0, 'error')
  full.code = '53100'
  const { message, stack, ...properties } = toDatabaseError(full) as DatabaseUnavailableError
  const copy = Object.assign(new DatabaseUnavailableError(message), properties, { stack })
  expect(findUnwritable(copy)).toBe('the disk of the database is full')
})

test('an invalid statement is no outage of the database', async () => {
  expect(await failureOf(db.$queryRaw`SELECT nothing`)).not.toBeInstanceOf(DatabaseUnavailableError)
})

test('results that arrive together are delivered in one turn of the event loop each', async () => {
  const many = openDatabase({ url: database.url, connections: 8, onError: () => {} })
  await admin.query('SELECT pg_advisory_lock(7)')
  let turn = 0
  const countTurns = () => {
    turn++
    counting = setImmediate(countTurns)
  }
  let counting = setImmediate(countTurns)
  try {
    const turns: number[] = []
    const asking = Array.from({ length: 8 }, async () => {
      await many.$queryRaw`SELECT 1 AS one FROM pg_advisory_xact_lock_shared(7)`
      turns.push(turn)
    })
    await until(async () => {
      const { rows } = await admin.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
      return rows.length === asking.length
    })
    const releasing = admin.query('SELECT pg_advisory_unlock(7)')
    // The event loop is blocked until all results have arrived.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
    await Promise.all([releasing, ...asking])
    expect(new Set(turns).size).toBe(asking.length)
  } finally {
    clearImmediate(counting)
    await admin.query('SELECT pg_advisory_unlock_all()')
    await many.$disconnect()
  }
})
