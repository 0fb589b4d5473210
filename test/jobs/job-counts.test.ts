import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { JobStatus } from '../../src/generated/prisma/enums.ts'
import { addDeltaBatch, countJobs, splitRange } from '../../src/jobs/job-counts.ts'
import type { CreatedRange } from '../../src/jobs/job-page.ts'
import { TRANSITIONS } from '../../src/updates/job-status.ts'
import { openTestDatabase } from '../helpers/database.ts'
import { createSeeded } from '../helpers/seeded.ts'

const HOUR_MS = 3_600_000
const NOON = Date.parse('2026-03-01T12:00:00Z')
const SEED = Date.now() % 1e6
const STATUSES = Object.keys(TRANSITIONS) as JobStatus[]

const { db, url, close } = await openTestDatabase()
/** A client in a time zone with half hours, without the project's tables in its search path. */
let writer: pg.Client

beforeAll(async () => {
  writer = new pg.Client({ connectionString: url })
  await writer.connect()
  await writer.query(`SET TIME ZONE 'Asia/Kolkata'; SET search_path = pg_catalog`)
})

afterAll(async () => {
  await writer.end()
  await close()
})

let owners = 0
const newOwner = () => `owner ${owners++}`

async function insert(ownerId: string, times: readonly number[], status: JobStatus = 'SUCCEEDED', client = writer) {
  const ids = times.map(() => randomUUID())
  await client.query(
    `INSERT INTO public."Job" (id, "ownerId", status, model, "motionBucketId", "condAug", fps, "createdAt")
    SELECT id, $1, $2::public."JobStatus", 'a model', 1, 1, 1, at FROM unnest($3::uuid[], $4::timestamptz[]) AS job(id, at)`,
    [ownerId, status, ids, times.map((time) => new Date(time).toISOString())],
  )
  return ids
}

const setStatus = (ids: readonly string[], status: JobStatus, client = writer) =>
  client.query(`UPDATE public."Job" SET status = $2::public."JobStatus" WHERE id = ANY($1::uuid[])`, [ids, status])

async function count(ownerId: string, range: CreatedRange = {}) {
  const counts = await countJobs(db, ownerId, range)
  return Object.fromEntries(STATUSES.map((status) => [status, counts.get(status) ?? 0]))
}

async function countAll(ownerId: string, range: CreatedRange = {}): Promise<number> {
  return Object.values(await count(ownerId, range)).reduce((sum, jobs) => sum + jobs, 0)
}

/** What `count` is held against: the jobs themselves, looked at one by one. */
async function countOneByOne(ownerId: string, { createdAfter, createdBefore }: CreatedRange) {
  const { rows } = await writer.query<{ status: JobStatus; at: Date }>(
    `SELECT status, "createdAt" AS at FROM public."Job" WHERE "ownerId" = $1`,
    [ownerId],
  )
  const found = rows.filter(({ at }) => (!createdAfter || at > createdAfter) && (!createdBefore || at < createdBefore))
  return Object.fromEntries(STATUSES.map((one) => [one, found.filter(({ status }) => status === one).length]))
}

async function readDeltas(): Promise<number> {
  const { rows } = await writer.query('SELECT FROM public."JobCountDelta"')
  return rows.length
}

async function addAllDeltas(limit = 1_000): Promise<number> {
  let all = 0
  for (;;) {
    const added = await addDeltaBatch(db, limit)
    all += added
    if (added === 0) return all
  }
}

describe('a range is split into whole hours and the rest', () => {
  const at = (minutes: number) => new Date(NOON + minutes * 60_000)
  const ms = (minutes: number) => NOON + minutes * 60_000
  test.each([
    ['none', {}, { from: -Infinity, to: Infinity }, []],
    [
      'within an hour',
      { createdAfter: at(10), createdBefore: at(20) },
      { from: ms(60), to: ms(0) },
      [{ from: ms(10) + 1, to: ms(20) }],
    ],
    [
      'over the turn of an hour',
      { createdAfter: at(50), createdBefore: at(70) },
      { from: ms(60), to: ms(60) },
      [
        { from: ms(50) + 1, to: ms(60) },
        { from: ms(60), to: ms(70) },
      ],
    ],
    [
      'at the turns of hours',
      { createdAfter: new Date(ms(0) - 1), createdBefore: at(120) },
      { from: ms(0), to: ms(120) },
      [],
    ],
    ['without an end', { createdAfter: at(0) }, { from: ms(60), to: Infinity }, [{ from: ms(0) + 1, to: ms(60) }]],
    ['without a start', { createdBefore: at(1) }, { from: -Infinity, to: ms(0) }, [{ from: ms(0), to: ms(1) }]],
    ['that ends before it starts', { createdAfter: at(70), createdBefore: at(10) }, { from: ms(120), to: ms(0) }, []],
  ])('%s', (_name, range, hours, edges) => {
    expect(splitRange(range)).toEqual({ hours, edges })
  })
})

test('jobs on the hour count for one hour only, and both ends of a range are exclusive', async () => {
  const ownerId = newOwner()
  await insert(
    ownerId,
    [-HOUR_MS, -1, 0, 1, HOUR_MS / 2, HOUR_MS - 1, HOUR_MS].map((ms) => NOON + ms),
  )
  const within = (after: number, before: number) =>
    countAll(ownerId, { createdAfter: new Date(NOON + after), createdBefore: new Date(NOON + before) })
  expect(await within(-1, HOUR_MS)).toBe(4)
  expect(await within(0, HOUR_MS)).toBe(3)
  expect(await within(-2, HOUR_MS + 1)).toBe(6)
  expect(await within(-HOUR_MS, 0)).toBe(1)
  expect(await within(0, 1)).toBe(0)
  expect(await within(1, 0)).toBe(0)
  expect(await countAll(ownerId)).toBe(7)
})

test('the first and last time of the API are valid ends of a range', async () => {
  const ownerId = newOwner()
  await insert(ownerId, [NOON])
  const [first, last] = [new Date('0001-01-01T00:00:00Z'), new Date('9999-12-31T23:59:59.999Z')]
  expect(await countAll(ownerId, { createdAfter: first, createdBefore: last })).toBe(1)
  expect(await countAll(ownerId, { createdAfter: last, createdBefore: first })).toBe(0)
})

test('jobs are counted by state and owner', async () => {
  const [ownerId, other] = [newOwner(), newOwner()]
  await insert(ownerId, [NOON, NOON], 'FAILED')
  await insert(ownerId, [NOON], 'QUEUED')
  await insert(other, [NOON], 'FAILED')
  const none = Object.fromEntries(STATUSES.map((status) => [status, 0]))
  expect(await count(ownerId)).toEqual({ ...none, FAILED: 2, QUEUED: 1 })
  const range = { createdAfter: new Date(NOON - 1), createdBefore: new Date(NOON + 1) }
  expect(await count(ownerId, range)).toEqual({ ...none, FAILED: 2, QUEUED: 1 })
  expect(await count(newOwner(), range)).toEqual(none)
})

test('all jobs are counted without reading their table, even while it is locked', async () => {
  const ownerId = newOwner()
  await insert(ownerId, [NOON, NOON + HOUR_MS])
  await writer.query('BEGIN; LOCK TABLE public."Job"')
  try {
    expect(await countAll(ownerId)).toBe(2)
  } finally {
    await writer.query('ROLLBACK')
  }
})

test('a transaction that is rolled back is never counted', async () => {
  const ownerId = newOwner()
  const ids = await insert(ownerId, [NOON])
  await writer.query('BEGIN')
  await insert(ownerId, [NOON])
  await setStatus(ids, 'FAILED')
  expect(await count(ownerId)).toMatchObject({ SUCCEEDED: 1, FAILED: 0 })
  await writer.query('ROLLBACK')
  expect(await count(ownerId)).toMatchObject({ SUCCEEDED: 1, FAILED: 0 })
})

test(`after any changes of jobs and any runs of the maintenance, the counts match the rows (seed ${SEED})`, async () => {
  const random = createSeeded(SEED)
  const pick = <T>(list: readonly T[]): T => list[random.whole(0, list.length - 1)] as T
  // Around turns of hours, in both time zones.
  const pickTime = () => NOON + random.whole(-6, 6) * (HOUR_MS / 2) + pick([0, -1, 1, random.whole(-HOUR_MS, HOUR_MS)])
  const ownerId = newOwner()
  let ids: string[] = []
  for (let step = 0; step < 150; step++) {
    const some = ids.filter(() => random.chance(0.3))
    const kind = pick(['insert', 'insert', 'status', 'status', 'move', 'same', 'delete', 'add'])
    if (kind === 'insert')
      ids.push(...(await insert(ownerId, Array.from({ length: random.whole(1, 5) }, pickTime), pick(STATUSES))))
    else if (kind === 'status') await setStatus(some, pick(STATUSES))
    else if (kind === 'move')
      await writer.query(`UPDATE public."Job" SET "createdAt" = $2 WHERE id = $1`, [pick(ids), new Date(pickTime())])
    else if (kind === 'same') await writer.query(`UPDATE public."Job" SET status = status, "lastSequence" = 9`)
    else if (kind === 'delete') {
      await writer.query(`DELETE FROM public."Job" WHERE id = ANY($1::uuid[])`, [some.slice(0, 3)])
      ids = ids.filter((id) => !some.slice(0, 3).includes(id))
    } else await addDeltaBatch(db, random.whole(1, 20))
    const range = {
      createdAfter: random.chance(0.7) ? new Date(pickTime()) : null,
      createdBefore: random.chance(0.7) ? new Date(pickTime()) : null,
    }
    expect(await count(ownerId, range), `step ${step}, ${kind}`).toEqual(await countOneByOne(ownerId, range))
  }
  expect(await count(ownerId)).toEqual(await countOneByOne(ownerId, {}))
})

test('every count is of one snapshot while jobs change and two runs add changes up', async () => {
  const ownerId = newOwner()
  const ids = await insert(
    ownerId,
    Array.from({ length: 60 }, (_, n) => NOON + n * (HOUR_MS / 10)),
  )
  const clients = await Promise.all(
    [0, 1].map(async () => {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      return client
    }),
  )
  let writing = true
  const range = { createdAfter: new Date(NOON - HOUR_MS / 2), createdBefore: new Date(NOON + 60 * HOUR_MS) }
  const repeat = async (act: () => Promise<unknown>) => {
    for (let n = 0; writing && n < 10_000; n++) await act()
  }
  let added = 0
  const addBatch = async () => {
    added += await addDeltaBatch(db, 7)
  }
  await Promise.all([
    Promise.all(
      clients.map(async (client, part) => {
        const own = ids.filter((_, n) => n % 2 === part)
        for (let n = 0; n < 60; n++) await setStatus(own, STATUSES[n % STATUSES.length] ?? 'PENDING', client)
      }),
    ).finally(() => {
      writing = false
    }),
    repeat(addBatch),
    repeat(addBatch),
    repeat(async () => {
      expect(await countAll(ownerId)).toBe(ids.length)
      expect(await countAll(ownerId, range)).toBe(ids.length)
    }),
  ])
  await Promise.all(clients.map((client) => client.end()))
  expect(added).toBeGreaterThan(0)
  expect(await count(ownerId)).toEqual(await countOneByOne(ownerId, {}))
})

test('changes are deleted once added up, and two that cancel out leave no row', async () => {
  await addAllDeltas()
  const ownerId = newOwner()
  const ids = await insert(ownerId, [NOON, NOON], 'PENDING')
  await setStatus(ids, 'RUNNING')
  await setStatus(ids, 'SUCCEEDED')
  const before = await readDeltas()
  expect(before).toBe(9)
  // Locked rows are added by the transaction that has locked them, and by no other.
  await writer.query('BEGIN; SELECT FROM public."JobCountDelta" ORDER BY id LIMIT 2 FOR UPDATE')
  expect(await addAllDeltas(3)).toBe(before - 2)
  await writer.query('ROLLBACK')
  expect(await count(ownerId)).toMatchObject({ PENDING: 0, RUNNING: 0, SUCCEEDED: 2 })
  expect(await addAllDeltas(3)).toBe(2)
  expect(await readDeltas()).toBe(0)
  expect(await count(ownerId)).toMatchObject({ PENDING: 0, RUNNING: 0, SUCCEEDED: 2 })

  const next = newOwner()
  await setStatus(await insert(next, [NOON], 'PENDING'), 'FAILED')
  await addAllDeltas()
  const { rows } = await writer.query(`SELECT status, jobs FROM public."JobCount" WHERE "ownerId" = $1`, [next])
  expect(rows).toEqual([{ status: 'FAILED', jobs: 1 }])
})

test('jobs written without the triggers are counted after the steps of docs/operations.md', async () => {
  const ownerId = newOwner()
  await insert(ownerId, [NOON], 'FAILED')
  await addAllDeltas()
  await writer.query('SET session_replication_role = replica')
  await insert(ownerId, [NOON - HOUR_MS, NOON], 'FAILED')
  await writer.query('SET session_replication_role = origin')
  expect(await countAll(ownerId)).toBe(1)
  const page = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  const sql = [...page.matchAll(/```sql\n(.*?)```/gs)]
    .map(([, text = '']) => text)
    .find((text) => text.includes('JobCount'))
  await writer.query(`SET search_path = public; ${sql}; SET search_path = pg_catalog`)
  expect(await count(ownerId)).toEqual(await countOneByOne(ownerId, {}))
})

test('no job is counted after all are deleted in one statement', async () => {
  const ownerId = newOwner()
  await insert(ownerId, [NOON])
  await addAllDeltas()
  await insert(ownerId, [NOON])
  expect(await countAll(ownerId)).toBe(2)
  await writer.query('TRUNCATE public."Job" CASCADE')
  expect(await countAll(ownerId)).toBe(0)
  await insert(ownerId, [NOON])
  expect(await countAll(ownerId)).toBe(1)
})

test('a role that may write jobs needs no rights on the tables of the counts', async () => {
  const role = `writer_${randomUUID().replaceAll('-', '')}`
  await writer.query(
    `CREATE ROLE ${role}; GRANT ALL ON public."Job" TO ${role}; GRANT USAGE ON SCHEMA public TO ${role}`,
  )
  onTestFinished(async () => void (await writer.query(`RESET ROLE; DROP OWNED BY ${role}; DROP ROLE ${role}`)))
  await writer.query(`SET ROLE ${role}`)
  const owner = newOwner()
  const ids = await insert(owner, [0], 'PENDING')
  await setStatus(ids, 'CANCELED')
  expect(await count(owner)).toMatchObject({ PENDING: 0, CANCELED: 1 })
})
