import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CancelJobDocument,
  GenerateVideoDocument,
  type GenerateVideoInput,
  RetryJobDocument,
} from '../../operations/generated/graphql.ts'
import { startTestApp, type TestApp } from '../helpers/app.ts'
import { request } from '../helpers/graphql-client.ts'
import { type RecordingProxy, startRecordingProxy } from '../helpers/recording-proxy.ts'
import { startTestSandbox, type TestSandbox } from '../helpers/sandbox.ts'
import { until } from '../helpers/until.ts'
import { EXAMPLE_IMAGE_URL, openRig, type Rig } from './rig.ts'

let sandbox: TestSandbox
let fal: RecordingProxy
let rig: Rig
/** A second instance of the same server. */
let other: TestApp
let client: pg.Client

beforeAll(async () => {
  sandbox = await startTestSandbox({ stepMs: 5 })
  fal = await startRecordingProxy(sandbox.url)
  rig = await openRig({ fal: fal.url })
  other = await startTestApp({ databaseUrl: rig.databaseUrl, falUrl: fal.url })
  client = new pg.Client({ connectionString: rig.databaseUrl })
  await client.connect()
})

afterAll(async () => {
  await client.end()
  await other.stop()
  await rig.close()
  await fal.stop()
  await sandbox.stop()
})

const instance = (index: number) => (index % 2 === 0 ? rig.url : other.url)
const times = <T>(count: number, call: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => call(index)))

async function generate(idempotencyKey: string, input: Partial<GenerateVideoInput> = {}, url = rig.url) {
  const variables = { input: { imageUrl: EXAMPLE_IMAGE_URL, seed: 1, idempotencyKey, ...input } }
  const { data, errors } = await request(url, GenerateVideoDocument, variables)
  expect(errors).toEqual([])
  return data.generateVideo
}

function jobOf(answer: { __typename?: string; job?: { id: string }; replayed?: boolean }) {
  if (answer.__typename !== 'GenerateVideoSuccess' || !answer.job) throw new Error(JSON.stringify(answer))
  return { id: answer.job.id, replayed: answer.replayed }
}

/** Moves the key's first use back. */
async function age(key: string, duration: string): Promise<void> {
  const { rowCount } = await client.query(
    `update "IdempotencyKey" set "createdAt" = now() - $2::interval where key = $1`,
    [key, duration],
  )
  expect(rowCount).toBe(1)
}

async function countJobs(): Promise<number> {
  const { rows } = await client.query('select count(*)::int as count from "Job"')
  return rows[0].count
}

const countPosts = () =>
  fal.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/stable-video')).length

async function succeeded(...ids: string[]): Promise<void> {
  const all = () => Promise.all(ids.map(async (id) => (await rig.readJob(id)).status))
  await until(async () => (await all()).every((status) => status === 'SUCCEEDED'), {
    timeoutMs: 20_000,
    what: 'the jobs to succeed',
  })
}

/** What a number of calls came to: jobs made, and calls to fal until all of them have ended. */
async function count(act: () => Promise<string[]>) {
  const [jobs, posts] = [await countJobs(), countPosts()]
  await succeeded(...(await act()))
  return { jobs: (await countJobs()) - jobs, posts: countPosts() - posts }
}

describe('50 calls at once with one key', () => {
  test('and one input, at two instances, are one job, one call to fal and one answer', async () => {
    const key = randomUUID()
    const made = await count(async () => {
      const jobs = (await times(50, (index) => generate(key, {}, instance(index)))).map(jobOf)
      expect(new Set(jobs.map(({ id }) => id)).size).toBe(1)
      expect(jobs.filter(({ replayed }) => !replayed)).toHaveLength(1)
      return jobs.slice(0, 1).map(({ id }) => id)
    })
    expect(made).toEqual({ jobs: 1, posts: 1 })
  })

  test('and two inputs are one job: who asks for the other input is shown it', async () => {
    const key = randomUUID()
    const made = await count(async () => {
      const answers = await times(50, (index) => generate(key, { fps: index % 4 < 2 ? 20 : 30 }, instance(index)))
      const kinds = [0, 2].map(
        (offset) => new Set(answers.filter((_, i) => (i & 2) === offset).map((a) => a.__typename)),
      )
      expect(kinds.map((kind) => [...kind]).sort()).toEqual([['GenerateVideoSuccess'], ['IdempotencyConflictError']])
      const ids = answers.map((answer) => ('job' in answer ? answer.job.id : null))
      expect(new Set(ids).size).toBe(1)
      return [ids[0] ?? '']
    })
    expect(made).toEqual({ jobs: 1, posts: 1 })
  })

  test('that was first used 24 hours ago are one new job', async () => {
    const key = randomUUID()
    const first = jobOf(await generate(key))
    await age(key, '24 hours')
    const made = await count(async () => {
      const jobs = (await times(50, (index) => generate(key, { fps: 12 }, instance(index)))).map(jobOf)
      expect(new Set(jobs.map(({ id }) => id)).size).toBe(1)
      expect(jobs.filter(({ replayed }) => !replayed)).toHaveLength(1)
      expect(jobs[0]?.id).not.toBe(first.id)
      return [first.id, jobs[0]?.id ?? '']
    })
    expect(made.jobs).toBe(1)
  })

  test('and one job to retry are one new job', async () => {
    const key = randomUUID()
    const id = await endedJob()
    const made = await count(async () => {
      const answers = await times(50, (index) => retry(id, key, instance(index)))
      const jobs = answers.map(({ data }) => jobOf(data.retryJob))
      expect(new Set(jobs.map((job) => job.id)).size).toBe(1)
      expect(jobs.filter(({ replayed }) => !replayed)).toHaveLength(1)
      return [jobs[0]?.id ?? '']
    })
    expect(made).toEqual({ jobs: 1, posts: 1 })
  })
})

async function endedJob(): Promise<string> {
  const { id } = await rig.generate()
  await succeeded(id)
  return id
}

const retry = (id: string, idempotencyKey: string | null, url = rig.url) =>
  request(url, RetryJobDocument, { id, idempotencyKey })

describe('a key', () => {
  test('still returns its job a minute before the 24 hours are over, however the job ended', async () => {
    const key = randomUUID()
    const { id } = jobOf(await generate(key))
    await request(rig.url, CancelJobDocument, { id })
    await age(key, '23 hours 59 minutes')
    expect(jobOf(await generate(key))).toEqual({ id, replayed: true })
    expect(await generate(key, { motionBucketId: 5 })).toMatchObject({
      __typename: 'IdempotencyConflictError',
      code: 'IDEMPOTENCY_CONFLICT',
      job: { id },
    })
  })

  test('that is reused after 24 hours belongs to the new job for another 24 hours', async () => {
    const key = randomUUID()
    const first = jobOf(await generate(key))
    await age(key, '25 hours')
    const second = jobOf(await generate(key, { fps: 11 }))
    expect(second).toEqual({ id: expect.not.stringContaining(first.id), replayed: false })
    expect(jobOf(await generate(key, { fps: 11 }))).toEqual({ id: second.id, replayed: true })
    expect(await generate(key)).toMatchObject({ __typename: 'IdempotencyConflictError', job: { id: second.id } })
  })

  test.each<[string, Partial<GenerateVideoInput>]>([
    ['seed', { seed: null }],
    ['seed', { seed: 2 }],
    ['image', { imageUrl: 'https://example.com/other.png' }],
    ['motionBucketId', { motionBucketId: 128 }],
    ['condAug', { condAug: 0.03 }],
    ['fps', { fps: 24 }],
  ])('with another %s is a conflict', async (_name, input) => {
    const key = randomUUID()
    const { id } = jobOf(await generate(key))
    expect(await generate(key, input)).toMatchObject({ __typename: 'IdempotencyConflictError', job: { id } })
  })

  test('with the defaults written out is no conflict', async () => {
    const key = randomUUID()
    const { id } = jobOf(await generate(key))
    expect(jobOf(await generate(key, { motionBucketId: 127, condAug: 0.02, fps: 25 }))).toEqual({ id, replayed: true })
  })

  test('of an input that is refused stays free', async () => {
    const key = randomUUID()
    expect(await generate(key, { fps: 1000 })).toMatchObject({ __typename: 'InvalidInputError' })
    expect(jobOf(await generate(key)).replayed).toBe(false)
  })

  test('of a retry is a conflict for the retry of another job, and free for it without a key', async () => {
    const key = randomUUID()
    const [one, two] = [await endedJob(), await endedJob()]
    jobOf((await retry(one, key)).data.retryJob)
    const { errors } = await retry(two, key)
    expect(errors).toMatchObject([{ path: ['retryJob'], extensions: { code: 'IDEMPOTENCY_CONFLICT' } }])
    expect(jobOf((await retry(two, null)).data.retryJob).replayed).toBe(false)
  })
})
