import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seedJobs } from '../../bench/million-jobs.ts'
import { type Database, openDatabase } from '../../src/adapters/db.ts'
import { ServiceUnavailableError } from '../../src/errors.ts'
import { createJobCounts } from '../../src/jobs/job-counts.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'
import { until } from '../helpers/until.ts'

let database: TestDatabase
let db: Database
let other: pg.Client

beforeAll(async () => {
  database = await createTestDatabase()
  await seedJobs(database.url, 1_200)
  db = openDatabase({ url: database.url, onError: () => {} })
  other = new pg.Client({ connectionString: database.url })
  await other.connect()
})

afterAll(async () => {
  await db.$disconnect()
  await other.end()
  await database.drop()
})

const later = (minutes: number) => ({ createdAfter: new Date(Date.now() - minutes * 60_000) })

/** Counts that wait for the table, which another connection has locked. */
async function countWaiting(): Promise<number> {
  const { rows } = await other.query(
    `SELECT DISTINCT pid FROM pg_locks WHERE relation = '"Job"'::regclass AND NOT granted`,
  )
  return rows.length
}

test('counts by state within a range of time', async () => {
  const counts = createJobCounts(db)
  const all = await counts.count({ ownerId: 'local', statuses: ['RUNNING', 'CANCELED', 'QUEUED'], range: {} })
  expect([...all]).toEqual([
    ['RUNNING', 50],
    ['CANCELED', 5],
    ['QUEUED', 0],
  ])
  const recent = await counts.count({ ownerId: 'local', statuses: ['SUCCEEDED', 'FAILED'], range: later(120.5) })
  expect(recent.get('SUCCEEDED')).toBe(110)
  expect(recent.get('FAILED')).toBe(11)
  const none = await counts.count({ ownerId: 'somebody else', statuses: ['SUCCEEDED'], range: {} })
  expect([...none]).toEqual([['SUCCEEDED', 0]])
})

test('two are under way at once; the same one is shared, and another is refused when its turn does not come', async () => {
  const counts = createJobCounts(db)
  const count = (minutes: number) => counts.count({ ownerId: 'local', statuses: ['FAILED'], range: range(minutes) })
  const ranges = new Map<number, ReturnType<typeof later>>()
  const range = (minutes: number) => {
    const known = ranges.get(minutes) ?? later(minutes)
    ranges.set(minutes, known)
    return known
  }
  await other.query('BEGIN; LOCK TABLE "Job"')
  const running = [count(1), count(2), count(1), count(2), count(1)]
  const settled = Promise.allSettled(running)
  await until(async () => (await countWaiting()) === 2)
  await expect(count(3)).rejects.toThrow(ServiceUnavailableError)
  expect(await countWaiting()).toBeLessThanOrEqual(2)
  await other.query('ROLLBACK')
  await settled
  // Each has given its turn back, also the ones that Postgres did not answer.
  const again = await Promise.all([4, 5, 6, 7, 8].map(count))
  expect(again.map((found) => found.has('FAILED'))).toEqual([true, true, true, true, true])
})
