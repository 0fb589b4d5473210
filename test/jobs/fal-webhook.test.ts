import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/adapters/postgres/client.ts'
import { openQueue, type Queue } from '../../src/adapters/queue.ts'
import { type ClaimedJobs, createClaimedJobs } from '../../src/jobs/claimed-jobs.ts'
import { handleFalWebhook } from '../../src/jobs/fal-webhook.ts'
import type { TRANSITIONS } from '../../src/updates/job-status.ts'
import { createNotifier } from '../../src/updates/notifier.ts'
import { createUpdateLog } from '../../src/updates/update-log.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'

let database: TestDatabase
let db: Database
let queue: Queue
let jobs: ClaimedJobs
let notifiedJobs: string[]
const notifier = createNotifier()
const onError = () => {}

beforeAll(async () => {
  database = await createTestDatabase()
  db = openDatabase({ url: database.url, onError })
  queue = await openQueue({ url: database.url, onError })
  notifier.on('jobChanged', (jobId) => notifiedJobs.push(jobId))
  jobs = createClaimedJobs({ db, queue, log: createUpdateLog({ db, notifier }), notifier })
})
beforeEach(() => {
  notifiedJobs = []
})
afterAll(async () => {
  await queue.stop()
  await db.$disconnect()
  await database.drop()
})

const mark = new Date()
const settings = { imageUrl: 'https://example.com/a.png', motionBucketId: 127, condAug: 0.02, fps: 25 }

async function createJob(columns: {
  status?: keyof typeof TRANSITIONS
  submittingAt?: Date
  requestId?: string
}): Promise<string> {
  const { id } = await db.job.create({
    data: { ownerId: 'local', model: 'fal-ai/stable-video', ...settings, ...columns },
  })
  return id
}

const deliver = (delivery: { jobId: string; requestId: string }) => handleFalWebhook({ db, notifier }, delivery)

const read = (id: string) => db.job.findUniqueOrThrow({ where: { id } })

test.each(['PENDING', 'CANCELING'] as const)(
  'the lost submit of a %s job is adopted, and its worker is notified',
  async (status) => {
    const id = await createJob({ status, submittingAt: mark })
    const requestId = randomUUID()
    expect(await deliver({ jobId: id, requestId })).toBe('adopted')
    expect(await read(id)).toMatchObject({ requestId, status, submittingAt: mark })
    expect(notifiedJobs).toEqual([id])
  },
)

test.each(['PENDING', 'QUEUED', 'RUNNING', 'STORING', 'CANCELING'] as const)(
  'the end of the request of a %s job notifies its worker and changes no row',
  async (status) => {
    const requestId = randomUUID()
    const id = await createJob({ status, submittingAt: mark, requestId })
    const before = await read(id)
    expect(await deliver({ jobId: id, requestId })).toBe('finished')
    expect(await read(id)).toEqual(before)
    expect(notifiedJobs).toEqual([id])
  },
)

test.each<[string, Parameters<typeof createJob>[0]]>([
  ['without a submit', {}],
  ['with another request', { status: 'QUEUED', submittingAt: mark, requestId: 'another' }],
  ['that has failed', { status: 'FAILED', submittingAt: mark }],
  ['that was canceled before its submit', { status: 'CANCELED' }],
])('a delivery for a job %s changes nothing', async (_name, columns) => {
  const id = await createJob(columns)
  const before = await read(id)
  expect(await deliver({ jobId: id, requestId: randomUUID() })).toBe('ignored')
  expect(await read(id)).toEqual(before)
  expect(notifiedJobs).toEqual([])
})

test.each(['SUCCEEDED', 'FAILED', 'CANCELED'] as const)('a delivery after %s is ignored', async (status) => {
  const requestId = randomUUID()
  const id = await createJob({ status, submittingAt: mark, requestId })
  expect(await deliver({ jobId: id, requestId })).toBe('ignored')
  expect(notifiedJobs).toEqual([])
})

test('a delivery for an unknown job is ignored', async () => {
  expect(await deliver({ jobId: randomUUID(), requestId: randomUUID() })).toBe('ignored')
})

test('the request of another job is not adopted', async () => {
  const requestId = randomUUID()
  await createJob({ status: 'QUEUED', submittingAt: mark, requestId })
  const id = await createJob({ submittingAt: mark })
  expect(await deliver({ jobId: id, requestId })).toBe('ignored')
  expect(await read(id)).toMatchObject({ requestId: null })
})

test('after an adoption, the response of the submit is saved only if it names the same request', async () => {
  const id = await createJob({ submittingAt: mark })
  const requestId = randomUUID()
  await deliver({ jobId: id, requestId })
  expect(await jobs.saveRequest(id, mark, requestId)).toBe('saved')
  expect(await jobs.saveRequest(id, mark, randomUUID())).toBe(false)
  expect(await jobs.unmarkSubmitting(id, mark)).toBe(false)
  expect(await read(id)).toMatchObject({ requestId })
})

test('concurrent deliveries and the response of the submit write one request id, in 50 rounds', async () => {
  for (let round = 0; round < 50; round++) {
    const id = await createJob({ submittingAt: mark })
    const requestId = randomUUID()
    const take = () => deliver({ jobId: id, requestId })
    const [saved, ...taken] = await Promise.all([jobs.saveRequest(id, mark, requestId), take(), take(), take()])
    expect(saved).toBe('saved')
    expect(taken.filter((outcome) => outcome === 'adopted').length).toBeLessThanOrEqual(1)
    expect(taken).not.toContain('ignored')
    expect(await read(id)).toMatchObject({ requestId, lastSequence: 1 })
  }
})
