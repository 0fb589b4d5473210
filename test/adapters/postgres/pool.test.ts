import { once } from 'node:events'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { isDatabaseAway } from '../../../src/adapters/postgres/client.ts'
import { createPool, type PoolOptions } from '../../../src/adapters/postgres/pool.ts'
import { createTestDatabase, type TestDatabase } from '../../helpers/postgres.ts'
import { until } from '../../helpers/until.ts'

const CONNECTIONS = 2
let database: TestDatabase
let pool: pg.Pool

beforeAll(async () => {
  database = await createTestDatabase({ empty: true })
})

beforeEach(({ onTestFinished }) => {
  pool = openPool()
  onTestFinished(() => pool.end())
})

afterAll(() => database.drop())

function openPool(options: Partial<PoolOptions> = {}): pg.Pool {
  return createPool({ url: database.url, name: 'pool', connections: CONNECTIONS, onError: () => {}, ...options })
}

/** What became of each, in the order in which they came. */
async function endsOf(calls: Promise<unknown>[]): Promise<('served' | 'away' | 'failed')[]> {
  const ends = await Promise.allSettled(calls)
  return ends.map((end) => {
    if (end.status === 'fulfilled') return 'served'
    return isDatabaseAway(end.reason) ? 'away' : 'failed'
  })
}

test('statements that fail are served, too', async () => {
  pool.options.connectionTimeoutMillis = 800
  const failing = Array.from({ length: 30 }, () => pool.query('SELECT pg_sleep(0.1)::text::int'))
  expect(new Set(await endsOf(failing))).toEqual(new Set(['failed']))
})

test('whoever waits five times as long as a stall may last is refused, and is in nobody’s way', async () => {
  pool.options.connectionTimeoutMillis = 400
  const ends = await endsOf(Array.from({ length: 100 }, () => pool.query('SELECT pg_sleep(0.1)')))
  const served = ends.lastIndexOf('served') + 1
  expect(served).toBeGreaterThan(CONNECTIONS)
  expect(served).toBeLessThan(100)
  expect(new Set(ends.slice(0, served))).toEqual(new Set(['served']))
  expect(new Set(ends.slice(served))).toEqual(new Set(['away']))
  expect(await endsOf([pool.query('SELECT 1')])).toEqual(['served'])
})

test('a connection that stands when its caller has been refused makes no place for two', async () => {
  await pool.query('SELECT 1')
  const { connectionTimeoutMillis } = pool.options
  const late = Promise.withResolvers<void>()
  pool.options.connectionTimeoutMillis = 200
  pool.options.onConnect = () => late.promise
  // Of two callers at once and one connection that is idle, the other needs a new one.
  expect((await endsOf([pool.query('SELECT 1'), pool.query('SELECT 1')])).sort()).toEqual(['away', 'served'])
  const released = once(pool, 'release')
  late.resolve()
  await released
  pool.options.connectionTimeoutMillis = connectionTimeoutMillis
  const held = await Promise.all([pool.connect(), pool.connect()])
  const waiting = endsOf([pool.query('SELECT 1'), pool.query('SELECT 1')])
  // Those that wait in the line of pg itself.
  expect(pool.waitingCount).toBe(0)
  for (const client of held) client.release()
  expect(await waiting).toEqual(['served', 'served'])
})

test('who waits when the pool is closed is told that the database is away', async () => {
  const closing = openPool({ connections: 1 })
  const client = await closing.connect()
  const waiting = endsOf([closing.query('SELECT 1')])
  const closed = closing.end()
  client.release()
  expect(await waiting).toEqual(['away'])
  await closed
})

test('a connection that Postgres ends is an error, but not while it is being closed', async () => {
  const errors: string[] = []
  const ended = openPool({ connections: 1, onError: ({ message }) => errors.push(message) })
  const findBackend = async () =>
    (await ended.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid ?? 0
  const endBackend = (pid: number) => pool.query('SELECT pg_terminate_backend($1)', [pid])

  await endBackend(await findBackend())
  await until(() => errors.length > 0)
  expect(errors).toEqual(['terminating connection due to administrator command'])

  // Postgres is asleep when it is told that the pool closes the connection, and that it is to end it itself.
  const pid = await findBackend()
  let isGone = false
  ended.once('remove', () => {
    isGone = true
  })
  process.kill(pid, 'SIGSTOP')
  try {
    await ended.end()
    await endBackend(pid)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  await until(() => isGone)
  expect(errors).toHaveLength(1)
})
