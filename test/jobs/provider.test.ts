import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { FalError } from '../../src/adapters/fal/errors.ts'
import { type Database, openDatabase } from '../../src/adapters/postgres/client.ts'
import { createLogger } from '../../src/adapters/telemetry/logger.ts'
import { createProviderLog, type ProviderLog, toPauseReason } from '../../src/jobs/provider.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'
import { until } from '../helpers/until.ts'

const refused = new FalError('auth', 'Invalid key', { status: 401 })
const limited = new FalError('rate-limited', 'slow down', { status: 429 })

let database: TestDatabase
let db: Database
const logger = createLogger('silent')
const errors: unknown[] = []
const onError = (error: unknown) => void errors.push(error)

beforeAll(async () => {
  database = await createTestDatabase()
  db = openDatabase({ url: database.url, onError })
})

afterEach(async () => {
  await db.providerPause.deleteMany()
  expect(errors).toEqual([])
})

afterAll(async () => {
  await db.$disconnect()
  await database.drop()
})

/** The log of one process, which by default never refreshes its row, as if it were killed at once. */
function openLog(options: { refreshMs?: number; expiryMs?: number } = {}): ProviderLog {
  return createProviderLog({ db, logger, onError }, { refreshMs: 3600_000, ...options })
}

const stateOf = async (log: ProviderLog) => (await log.read()).state

test('a pause of one process is read by all, with its reason and its age by the database’s clock, until it ends', async () => {
  const [worker, api] = [openLog(), openLog()]
  expect(await api.read()).toEqual({ state: 'AVAILABLE', reason: null, since: null })
  worker.paused({ error: refused, since: new Date(Date.now() - 60_000) })
  await until(async () => (await stateOf(api)) === 'KEY_REFUSED')
  const { reason, since } = await api.read()
  expect(reason).toBe(toPauseReason(refused))
  const [{ now }] = await db.$queryRaw<[{ now: Date }]>`SELECT now()`
  const ageMs = now.getTime() - (since?.getTime() ?? 0)
  expect(ageMs).toBeGreaterThan(59_000)
  expect(ageMs).toBeLessThan(90_000)
  worker.resumed()
  await until(async () => (await stateOf(api)) === 'AVAILABLE')
})

test('another kind of pause keeps its beginning', async () => {
  const log = openLog()
  const since = new Date(Date.now() - 60_000)
  log.paused({ error: limited, since })
  await until(async () => (await stateOf(log)) === 'RATE_LIMITED')
  const before = await log.read()
  log.paused({ error: refused, since })
  await until(async () => (await stateOf(log)) === 'KEY_REFUSED')
  expect((await log.read()).since).toEqual(before.since)
})

test('of several pauses, the one that needs an operator is reported', async () => {
  const [first, second] = [openLog(), openLog()]
  first.paused({ error: refused, since: new Date() })
  await until(async () => (await stateOf(second)) === 'KEY_REFUSED')
  second.paused({ error: limited, since: new Date() })
  await second.stop()
  expect(await stateOf(second)).toBe('KEY_REFUSED')
})

test('a process that stops deletes its row', async () => {
  const log = openLog()
  log.paused({ error: refused, since: new Date() })
  await log.stop()
  expect(await db.providerPause.count()).toBe(0)
})

test('the pause of a killed process expires, and the next process to pause deletes its row', async () => {
  const killed = openLog()
  killed.paused({ error: refused, since: new Date() })
  const reader = openLog({ expiryMs: 100 })
  await until(async () => (await db.providerPause.count()) === 1)
  await until(async () => (await stateOf(reader)) === 'AVAILABLE')
  reader.paused({ error: limited, since: new Date() })
  await until(async () => (await db.providerPause.findMany()).map(({ state }) => state).join() === 'RATE_LIMITED')
})

test('a live process refreshes its pause', async () => {
  const log = openLog({ refreshMs: 20 })
  log.paused({ error: refused, since: new Date() })
  const seenAt = async () => (await db.providerPause.findFirst())?.seenAt.getTime() ?? 0
  const first = await until(seenAt)
  await until(async () => (await seenAt()) > first)
  await log.stop()
})

test('a failed write is retried soon after', async () => {
  const failed: unknown[] = []
  let isUnavailable = true
  const flaky = db.$extends({
    query: {
      $executeRaw: ({ args, query }) =>
        isUnavailable ? Promise.reject(new Error('the database is unavailable')) : query(args),
    },
  }) as unknown as Database
  const log = createProviderLog({ db: flaky, logger, onError: (error) => failed.push(error) })
  log.paused({ error: refused, since: new Date() })
  await until(() => failed.length > 0)
  isUnavailable = false
  await until(async () => (await stateOf(log)) === 'KEY_REFUSED', { timeoutMs: 15_000 })
  await log.stop()
})

test.each([refused, limited, new FalError('not-sent', 'x'.repeat(2000))])('a reason is short: %s', (error) => {
  expect(toPauseReason(error).length).toBeLessThan(500)
})
