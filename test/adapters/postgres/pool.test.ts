import { once } from 'node:events'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createPool, type PoolOptions } from '../../../src/adapters/postgres/pool.ts'
import { DatabaseUnavailableError } from '../../../src/errors.ts'
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

/** The outcome of each call, in order of arrival. */
async function outcomesOf(calls: Promise<unknown>[]): Promise<('served' | 'unavailable' | 'failed')[]> {
  const outcomes = await Promise.allSettled(calls)
  return outcomes.map((outcome) => {
    if (outcome.status === 'fulfilled') return 'served'
    return outcome.reason instanceof DatabaseUnavailableError ? 'unavailable' : 'failed'
  })
}

test('failing statements count as served', async ({ onTestFinished }) => {
  const failing = openPool({ connectMs: 1200 })
  onTestFinished(() => failing.end())
  // One after the other they last longer than the queue may stall.
  const outcomes = await outcomesOf(Array.from({ length: 8 }, () => failing.query('SELECT pg_sleep(0.4)::text::int')))
  expect(new Set(outcomes)).toEqual(new Set(['failed']))
})

test('a caller that has waited five times the longest stall is refused, and leaves the queue', async ({
  onTestFinished,
}) => {
  const busy = openPool({ connectMs: 800 })
  onTestFinished(() => busy.end())
  await until(() => Promise.all(Array.from({ length: CONNECTIONS }, () => busy.query('SELECT 1'))))
  const outcomes = await outcomesOf(Array.from({ length: 120 }, () => busy.query('SELECT pg_sleep(0.1)')))
  const served = outcomes.lastIndexOf('served') + 1
  expect(served).toBeGreaterThan(CONNECTIONS)
  expect(served).toBeLessThan(120)
  expect(new Set(outcomes.slice(0, served))).toEqual(new Set(['served']))
  expect(new Set(outcomes.slice(served))).toEqual(new Set(['unavailable']))
  expect(await outcomesOf([busy.query('SELECT 1')])).toEqual(['served'])
})

test('a connection that opens after its caller was refused serves the next one', async ({ onTestFinished }) => {
  const slow = openPool({ connectMs: 200 })
  onTestFinished(() => slow.end())
  await until(() => slow.query('SELECT 1'))
  const { onConnect } = slow.options
  const late = Promise.withResolvers<void>()
  slow.options.onConnect = () => late.promise
  // Of two callers at once and one connection that is idle, the other needs a new one.
  expect((await outcomesOf([slow.query('SELECT 1'), slow.query('SELECT 1')])).sort()).toEqual(['served', 'unavailable'])
  slow.options.onConnect = onConnect
  const released = once(slow, 'release')
  late.resolve()
  await released
  const held = await Promise.all([slow.connect(), slow.connect()])
  expect(slow.totalCount).toBe(CONNECTIONS)
  const waiting = outcomesOf([slow.query('SELECT 1'), slow.query('SELECT 1')])
  for (const client of held) client.release()
  expect(await waiting).toEqual(['served', 'served'])
  expect(slow.totalCount).toBe(CONNECTIONS)
})

test('a caller that waits when the pool is closed reports an unavailable database', async () => {
  const closing = openPool({ connections: 1 })
  const client = await closing.connect()
  const waiting = outcomesOf([closing.query('SELECT 1')])
  const closed = closing.end()
  client.release()
  expect(await waiting).toEqual(['unavailable'])
  await closed
})

test('a connection that Postgres ends is reported, but not during shutdown', async () => {
  const errors: string[] = []
  const ended = openPool({ connections: 1, onError: ({ message }) => errors.push(message) })
  const findBackend = async () =>
    (await ended.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid ?? 0
  const endBackend = (pid: number) => pool.query('SELECT pg_terminate_backend($1)', [pid])

  await endBackend(await findBackend())
  await until(() => errors.length > 0)
  expect(errors).toEqual(['terminating connection due to administrator command'])

  // A stopped backend gets both the pool's farewell and the order to terminate.
  const pid = await findBackend()
  let isRemoved = false
  ended.once('remove', () => {
    isRemoved = true
  })
  process.kill(pid, 'SIGSTOP')
  try {
    await ended.end()
    await endBackend(pid)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  await until(() => isRemoved)
  expect(errors).toHaveLength(1)
})
