import { afterAll, expect, test } from 'vitest'
import { createOpenJobCounter } from '../../src/jobs/job-counts.ts'
import { openTestDatabase } from '../helpers/database.ts'
import { until } from '../helpers/until.ts'

const { db, close } = await openTestDatabase()

afterAll(close)

async function createJob(finishedAt: Date | null = null): Promise<void> {
  const settings = { model: 'fal-ai/stable-video', motionBucketId: 127, condAug: 0.02, fps: 25 }
  const status = finishedAt ? 'FAILED' : 'RUNNING'
  await db.job.create({ data: { ownerId: 'local', ...settings, status, finishedAt } })
}

test('open jobs are counted by state, with zero for states without jobs', async () => {
  await Promise.all([createJob(), createJob(), createJob(new Date())])
  expect([...(await createOpenJobCounter(db)())].toSorted()).toEqual([
    ['CANCELING', 0],
    ['PENDING', 0],
    ['QUEUED', 0],
    ['RUNNING', 2],
    ['STORING', 0],
  ])
})

test('concurrent callers share a count, which is read again after it expires', async () => {
  const countOpenJobs = createOpenJobCounter(db, { cacheMs: 100 })
  const counts = await Promise.all(Array.from({ length: 20 }, () => countOpenJobs()))
  expect(new Set(counts).size).toBe(1)
  const before = counts[0]?.get('RUNNING') ?? 0
  await createJob()
  expect((await countOpenJobs()).get('RUNNING')).toBe(before)
  await until(async () => (await countOpenJobs()).get('RUNNING') === before + 1)
})
