import { once } from 'node:events'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { isDatabaseAway } from '../../src/adapters/db.ts'
import { createPool } from '../../src/adapters/pool.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'

const CONNECTIONS = 2
let database: TestDatabase
let pool: pg.Pool

beforeAll(async () => {
  database = await createTestDatabase({ empty: true })
})

beforeEach(({ onTestFinished }) => {
  pool = createPool({ url: database.url, name: 'pool', connections: CONNECTIONS })
  pool.on('error', () => {})
  onTestFinished(() => pool.end())
})

afterAll(() => database.drop())

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
  const closing = createPool({ url: database.url, name: 'closing', connections: 1 })
  const client = await closing.connect()
  const waiting = endsOf([closing.query('SELECT 1')])
  const closed = closing.end()
  client.release()
  expect(await waiting).toEqual(['away'])
  await closed
})
