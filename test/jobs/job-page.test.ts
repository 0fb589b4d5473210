import { afterAll, beforeAll, expect, test } from 'vitest'
import { seedJobs } from '../../bench/million-jobs.ts'
import { type Database, openDatabase, type Transaction } from '../../src/adapters/postgres/client.ts'
import type { JobStatus } from '../../src/generated/prisma/enums.ts'
import { type JobFilter, type JobRange, readJobs } from '../../src/jobs/job-page.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'
import { createSeeded } from '../helpers/seeded.ts'

const STATUSES: JobStatus[] = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED']

let database: TestDatabase
let db: Database

beforeAll(async () => {
  database = await createTestDatabase()
  db = openDatabase({
    url: database.url,
    onError: (error) => {
      throw error
    },
  })
})

afterAll(async () => {
  await db.$disconnect()
  await database.drop()
})

test('every page equals its part of the whole list, for any filter, even when the orders of ids and times differ', async () => {
  const seed = Math.floor(Math.random() * 1e9)
  const random = createSeeded(seed)
  const pick = <T>(list: readonly T[]): T => list[random.whole(0, list.length - 1)] as T
  // Few moments, so that many jobs have the same.
  const moments = Array.from({ length: 12 }, (_, n) => new Date(Date.UTC(2026, 0, 1, 0, n)))
  const settings = {
    imageUrl: 'https://example.com/a.png',
    model: 'fal-ai/stable-video',
    motionBucketId: 1,
    condAug: 0,
    fps: 10,
  }
  const jobs = Array.from({ length: 60 }, (_, n) => ({
    ...settings,
    id: `0194${random.whole(1000, 9999)}-0000-7000-8000-${String(n).padStart(12, '0')}`,
    ownerId: n % 10 === 0 ? 'somebody else' : 'mine',
    status: pick(STATUSES),
    createdAt: pick(moments),
  }))
  await db.job.createMany({ data: jobs })
  const list = jobs
    .filter(({ ownerId }) => ownerId === 'mine')
    .sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1))

  for (let round = 0; round < 150; round++) {
    const maybe = <T>(value: T): T | undefined => (random.chance(0.5) ? value : undefined)
    const filter: JobFilter = {
      status: maybe(STATUSES.filter(() => random.chance(0.5))),
      createdAfter: maybe(pick(moments)),
      createdBefore: maybe(pick(moments)),
    }
    const [after, before] = [maybe(pick(list).id), maybe(pick(list).id)]
    const limit = random.whole(1, 20)
    const fromEnd = random.chance(0.5)
    const range: JobRange = { ...(after && { after }), ...(before && { before }), limit, fromEnd }
    const place = (id: string | undefined) => list.findIndex((job) => job.id === id)
    const stretch = list
      .slice(after ? place(after) + 1 : 0, before ? place(before) : list.length)
      .filter(
        ({ status, createdAt }) =>
          (!filter.status || filter.status.includes(status)) &&
          (!filter.createdAfter || createdAt > filter.createdAfter) &&
          (!filter.createdBefore || createdAt < filter.createdBefore),
      )
    const expected = fromEnd ? stretch.slice(-limit) : stretch.slice(0, limit)
    const found = await readJobs(db, { ownerId: 'mine', filter, range })
    expect(
      found.map(({ id }) => id),
      JSON.stringify({ seed, filter, range }),
    ).toEqual(expected.map(({ id }) => id))
    expect(found).toEqual(expected.map((job) => expect.objectContaining(job)))
  }
})

test('a page after a deleted job starts near its former position', async () => {
  const newest = await readJobs(db, { ownerId: 'mine', filter: {}, range: { limit: 1 } })
  // The time of these ids is before that of all jobs, then after.
  const range = (after: string): JobRange => ({ after, limit: 1 })
  expect(
    await readJobs(db, { ownerId: 'mine', filter: {}, range: range('00000000-0001-7000-8000-000000000000') }),
  ).toEqual([])
  expect(
    await readJobs(db, { ownerId: 'mine', filter: {}, range: range('0fffffff-0001-7000-8000-000000000000') }),
  ).toEqual(newest)
})

test('a page in 5,000 jobs reads only its own rows, at any position', async () => {
  const own = await createTestDatabase()
  const many = openDatabase({ url: own.url, onError: () => {} })
  try {
    await seedJobs(own.url, 5_000)
    const [oldest] = await many.job.findMany({ orderBy: { createdAt: 'asc' }, take: 1, skip: 20 })
    const [newest] = await many.job.findMany({ orderBy: { createdAt: 'desc' }, take: 1, skip: 20 })
    if (!oldest || !newest) throw new Error('there are no jobs')
    const pages: [JobFilter, Partial<JobRange>][] = [
      [{ createdBefore: oldest.createdAt }, {}],
      [{ createdBefore: oldest.createdAt }, { after: newest.id }],
      [{ createdAfter: newest.createdAt }, { fromEnd: true, before: oldest.id }],
      [{ createdAfter: new Date('2100-01-01') }, {}],
      [{ createdAfter: newest.createdAt, createdBefore: oldest.createdAt }, {}],
      [{ status: ['RUNNING', 'CANCELED', 'QUEUED'] }, {}],
      [{ status: ['RUNNING', 'SUCCEEDED'], createdBefore: oldest.createdAt }, { after: newest.id }],
      [{ status: ['FAILED'], createdAfter: newest.createdAt }, { fromEnd: true }],
      [{}, { after: oldest.id }],
    ]
    for (const [filter, range] of pages) {
      const read = await many.$transaction(async (tx) => {
        const before = await countRead(tx)
        await readJobs(tx, { ownerId: 'local', filter, range: { limit: 20, ...range } })
        return (await countRead(tx)) - before
      })
      // 20 of each state, and the two jobs of the cursors.
      expect(read, JSON.stringify({ filter, range })).toBeLessThanOrEqual(20 * (filter.status?.length ?? 1) + 2)
    }
  } finally {
    await many.$disconnect()
    await own.drop()
  }
})

/** Rows of jobs that the connection has read so far. */
async function countRead(tx: Transaction): Promise<number> {
  const [row] = await tx.$queryRaw<{ read: number }[]>`
    SELECT (seq_tup_read + idx_tup_fetch)::int AS read FROM pg_stat_xact_user_tables WHERE relname = 'Job'`
  return row?.read ?? 0
}
