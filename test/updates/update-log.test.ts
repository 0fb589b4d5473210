import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/adapters/postgres/client.ts'
import { createNotifier } from '../../src/updates/notifier.ts'
import type { PreviousStatus, Update } from '../../src/updates/update.ts'
import { createUpdateLog, type UpdateLog } from '../../src/updates/update-log.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'

let database: TestDatabase
let db: Database
let log: UpdateLog
let published: Update[] = []
let previous: (PreviousStatus | null)[] = []

beforeAll(async () => {
  database = await createTestDatabase()
  db = openDatabase({
    url: database.url,
    onError: (error) => {
      throw error
    },
  })
  const notifier = createNotifier()
  notifier.on('updateStored', (update, status) => {
    published.push(update)
    previous.push(status)
  })
  log = createUpdateLog({ db, notifier })
})

afterAll(async () => {
  await db.$disconnect()
  await database.drop()
})

async function createJob(claim = 1): Promise<string> {
  published = []
  previous = []
  const { id } = await db.job.create({
    data: {
      ownerId: 'local',
      model: 'fal-ai/stable-video',
      imageUrl: 'https://example.com/a.png',
      motionBucketId: 127,
      condAug: 0.02,
      fps: 25,
      claim,
      updates: { create: { sequence: 1, status: 'PENDING' } },
    },
  })
  return id
}

const line = (message: string) => ({ at: null, level: 'INFO' as const, message })

test('an update takes the next number and changes the job in the same statement', async () => {
  const jobId = await createJob()
  const appended = await log.append({ jobId, claim: 1, status: 'QUEUED', queuePosition: 4 })
  expect(appended).toMatchObject({
    outcome: 'stored',
    update: { sequence: 2, status: 'QUEUED', queuePosition: 4, final: false, ownerId: 'local' },
  })
  expect(await db.job.findUnique({ where: { id: jobId } })).toMatchObject({
    status: 'QUEUED',
    lastSequence: 2,
    queuePosition: 4,
  })
  expect(published.map((update) => update.sequence)).toEqual([2])
})

test('a change that changes nothing is not stored', async () => {
  const jobId = await createJob()
  await log.append({ jobId, claim: 1, status: 'QUEUED', queuePosition: 4 })
  expect(await log.append({ jobId, claim: 1, status: 'QUEUED', queuePosition: 4 })).toEqual({
    outcome: 'unchanged',
    status: 'QUEUED',
  })
  expect(await log.read(jobId, { limit: 10 })).toHaveLength(2)
})

test('an earlier state does not change the status, but its log lines are kept', async () => {
  const jobId = await createJob()
  await log.append({ jobId, claim: 1, status: 'RUNNING' })
  expect(await log.append({ jobId, claim: 1, status: 'QUEUED', queuePosition: 9 })).toMatchObject({
    outcome: 'unchanged',
    status: 'RUNNING',
  })
  const late = await log.append({ jobId, claim: 1, status: 'QUEUED', queuePosition: 9, logs: [line('hello')] })
  expect(late).toMatchObject({
    outcome: 'stored',
    update: { status: 'RUNNING', queuePosition: null, logs: [line('hello')] },
  })
})

test('a stale claim writes nothing', async () => {
  const jobId = await createJob(3)
  expect(await log.append({ jobId, claim: 2, status: 'RUNNING' })).toEqual({ outcome: 'fenced' })
  expect(await log.read(jobId, { limit: 10 })).toHaveLength(1)
})

test('nothing is written after the end', async () => {
  const jobId = await createJob()
  expect(await log.append({ jobId, claim: 1, status: 'CANCELED' })).toMatchObject({ update: { final: true } })
  for (const status of ['RUNNING', 'SUCCEEDED', 'CANCELING', 'CANCELED'] as const)
    expect(await log.append({ jobId, claim: null, status, logs: [line('late')] })).toEqual({
      outcome: 'unchanged',
      status: 'CANCELED',
    })
  const job = await db.job.findUnique({ where: { id: jobId } })
  expect(job).toMatchObject({ status: 'CANCELED', lastSequence: 2 })
  expect(job?.finishedAt).toBeInstanceOf(Date)
})

test('the first RUNNING sets the start, later ones do not move it', async () => {
  const jobId = await createJob()
  await log.append({ jobId, claim: 1, status: 'RUNNING' })
  const started = (await db.job.findUnique({ where: { id: jobId } }))?.startedAt
  await log.append({ jobId, claim: 1, status: 'RUNNING', logs: [line('x')] })
  expect(started).toBeInstanceOf(Date)
  expect((await db.job.findUnique({ where: { id: jobId } }))?.startedAt).toEqual(started)
})

test('appends of many jobs at one moment are one statement, and each job is numbered for itself', async () => {
  const jobIds = await Promise.all(Array.from({ length: 50 }, () => createJob()))
  published = []
  const appended = await Promise.all(jobIds.map((jobId) => log.append({ jobId, claim: 1, status: 'QUEUED' })))
  expect(appended.every((result) => result.outcome === 'stored' && result.update.sequence === 2)).toBe(true)
  expect(new Set(published.map((update) => update.jobId))).toEqual(new Set(jobIds))
  // One statement, one transaction: Postgres stamped all rows with the same transaction id.
  const rows = await db.$queryRaw<{ transactions: bigint }[]>`
    SELECT count(DISTINCT xmin::text) AS transactions FROM "JobUpdate" WHERE sequence = 2 AND "jobId" = ANY(${jobIds}::uuid[])`
  expect(Number(rows[0]?.transactions)).toBe(1)
})

test('writers that race for one job leave a log without gaps or repeats', async () => {
  const jobId = await createJob()
  const writers = Array.from({ length: 40 }, (_, index) =>
    db.$transaction(
      (tx) => log.appendIn(tx, { jobId, claim: null, status: 'RUNNING', logs: [line(`line ${index}`)] }),
      {
        maxWait: 20_000,
        timeout: 20_000,
      },
    ),
  )
  await Promise.all(writers)
  const updates = await log.read(jobId, { limit: 100 })
  expect(updates.map((update) => update.sequence)).toEqual(Array.from({ length: 41 }, (_, index) => index + 1))
  expect(new Set(updates.flatMap((update) => update.logs.map((entry) => entry.message))).size).toBe(40)
  expect((await log.snapshot(jobId)).sequence).toBe(41)
})

test('an append that rolls back leaves its number free', async () => {
  const jobId = await createJob()
  await expect(
    db.$transaction(async (tx) => {
      await log.appendIn(tx, { jobId, claim: 1, status: 'RUNNING' })
      throw new Error('undo')
    }),
  ).rejects.toThrow('undo')
  expect(await log.append({ jobId, claim: 1, status: 'QUEUED' })).toMatchObject({ update: { sequence: 2 } })
})

test('the snapshot has the status, the newest sequence, the last progress and all log lines', async () => {
  const jobId = await createJob()
  await log.append({ jobId, claim: 1, status: 'RUNNING', progress: 0.5, logs: [line('a'), line('b')] })
  await log.append({ jobId, claim: 1, status: 'RUNNING', logs: [line('c')] })
  expect(await log.snapshot(jobId)).toMatchObject({
    sequence: 3,
    status: 'RUNNING',
    progress: 0.5,
    logs: [line('a'), line('b'), line('c')],
    final: false,
  })
})

test('the progress of a SUCCEEDED job is 1 in every read, also of older rows', async () => {
  const jobId = await createJob()
  await log.append({ jobId, claim: 1, status: 'RUNNING', progress: 0.5 })
  const appended = await log.append({ jobId, claim: 1, status: 'SUCCEEDED' })
  expect(appended).toMatchObject({ update: { sequence: 3, progress: 1 } })
  const [page, tails, snapshot] = await Promise.all([
    log.read(jobId, { after: 2, limit: 10 }),
    log.readTails(new Map([[jobId, 2]]), 10),
    log.snapshot(jobId),
  ])
  for (const update of [...page, ...tails, snapshot]) expect(update).toMatchObject({ sequence: 3, progress: 1 })
  expect([page.length, tails.length]).toEqual([1, 1])
})

test('ranges are read forwards, backwards and between, for many jobs in one go', async () => {
  const [one, two] = [await createJob(), await createJob()]
  for (let position = 9; position > 0; position--)
    for (const jobId of [one, two]) await log.append({ jobId, claim: 1, status: 'QUEUED', queuePosition: position })
  const sequences = async (range: Parameters<UpdateLog['read']>[1]) =>
    (await log.read(one, range)).map((update) => update.sequence)
  expect(await sequences({ limit: 3 })).toEqual([1, 2, 3])
  expect(await sequences({ after: 8, limit: 5 })).toEqual([9, 10])
  expect(await sequences({ limit: 3, fromEnd: true })).toEqual([8, 9, 10])
  expect(await sequences({ after: 2, before: 6, limit: 10 })).toEqual([3, 4, 5])
  const many = await log.readMany([one, two], { limit: 2 })
  expect([...many.values()].map((updates) => updates.length)).toEqual([2, 2])
  expect(await log.heads([one, two])).toEqual(
    new Map([
      [one, 10],
      [two, 10],
    ]),
  )
})

describe('the status that a job has left', () => {
  const readSince = async (id: string) =>
    (await db.job.findUniqueOrThrow({ where: { id }, select: { statusSince: true } })).statusSince

  test('is notified after the append, with how many seconds it lasted', async () => {
    const jobId = await createJob()
    await db.job.update({ where: { id: jobId }, data: { statusSince: new Date(Date.now() - 90_000) } })
    await log.append({ jobId, claim: 1, status: 'QUEUED', queuePosition: 4 })
    const queuedAt = await readSince(jobId)
    await log.append({ jobId, claim: 1, status: 'QUEUED', queuePosition: 3 })
    expect(await readSince(jobId)).toEqual(queuedAt)
    await log.append({ jobId, claim: 1, status: 'RUNNING' })
    const runningAt = await readSince(jobId)

    expect(previous).toEqual([
      { status: 'PENDING', seconds: expect.closeTo(90, -1) },
      null,
      { status: 'QUEUED', seconds: expect.closeTo((runningAt.getTime() - queuedAt.getTime()) / 1000, 3) },
    ])
  })

  test('is returned, not notified, within a transaction, which may be rolled back', async () => {
    const jobId = await createJob()
    const appended = await db.$transaction((tx) => log.appendIn(tx, { jobId, claim: 1, status: 'CANCELED' }))
    expect(appended).toMatchObject({ outcome: 'stored', previous: { status: 'PENDING', seconds: expect.any(Number) } })
    expect(previous).toEqual([])
  })

  test('lasts no less than nothing, whatever a clock has said', async () => {
    const jobId = await createJob()
    await db.job.update({ where: { id: jobId }, data: { statusSince: new Date(Date.now() + 90_000) } })
    await log.append({ jobId, claim: 1, status: 'RUNNING' })
    expect(previous).toEqual([{ status: 'PENDING', seconds: 0 }])
  })
})
