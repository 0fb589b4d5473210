import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  GenerateVideoDocument,
  type GenerateVideoInput,
  GetJobDocument,
  ListJobUpdatesDocument,
  WatchFeedDocument,
  WatchJobDocument,
} from '../../operations/generated/graphql.ts'
import { startTestApp, type TestApp } from '../helpers/app.ts'
import { request, subscribe, subscribeOverSse } from '../helpers/graphql-client.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'
import { startTestSandbox, type TestSandbox } from '../helpers/sandbox.ts'
import { until } from '../helpers/until.ts'

let database: TestDatabase
let sandbox: TestSandbox
let app: TestApp

beforeAll(async () => {
  ;[database, sandbox] = await Promise.all([createTestDatabase(), startTestSandbox()])
  app = await startTestApp({ databaseUrl: database.url, falUrl: sandbox.url })
})

afterAll(async () => {
  await app.stop()
  await Promise.all([sandbox.stop(), database.drop()])
})

async function generate(input: Partial<GenerateVideoInput> = {}) {
  const { data } = await request(app.url, GenerateVideoDocument, {
    input: { imageUrl: 'https://example.com/rocket.png', ...input },
  })
  if (data.generateVideo.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(data))
  return data.generateVideo.job
}

type Watch = typeof subscribe

async function watch(
  id: string,
  { after, take = 1e6, over = subscribe }: { after?: string; take?: number; over?: Watch } = {},
) {
  const updates = []
  for await (const { data, errors } of over(app.url, WatchJobDocument, { id, ...(after && { after }) })) {
    if (errors) throw new Error(JSON.stringify(errors))
    if (data) updates.push(data.jobProgress)
    if (updates.length === take) break
  }
  return updates
}

const sequences = (updates: { sequence: number }[]) => updates.map((update) => update.sequence)
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

describe.each([
  ['WebSocket', subscribe],
  ['server-sent events', subscribeOverSse],
])('over %s', (_name, over) => {
  test('an image goes in, progress is live, a video comes out', async () => {
    const job = await generate({ seed: 7, fps: 20, motionBucketId: 60 })
    expect(job).toMatchObject({
      status: 'PENDING',
      settings: { model: 'fal-ai/stable-video', seed: 7, fps: 20, motionBucketId: 60, condAug: 0.02 },
    })

    const updates = await watch(job.id, { after: job.cursor, over })

    const last = updates.at(-1)
    expect(sequences(updates)).toEqual(numbers(2, updates.length + 1))
    expect(updates.map((update) => update.status)).toEqual(expect.arrayContaining(['QUEUED', 'RUNNING', 'SUCCEEDED']))
    expect(last).toMatchObject({
      status: 'SUCCEEDED',
      missed: 0,
      job: { video: { contentType: 'video/mp4', seed: 7 } },
    })
    expect(updates.some((update) => update.status === 'QUEUED' && update.queuePosition !== null)).toBe(true)
    const progress = updates.flatMap((update) => update.progress ?? [])
    expect(progress).toEqual(progress.toSorted((one, other) => one - other))
    expect(progress.at(-1)).toBe(1)

    const video = last?.job.video
    const bytes = Buffer.from(await (await fetch(video?.url ?? '')).arrayBuffer())
    expect(bytes.byteLength).toBe(video?.fileSize)
    expect(bytes.subarray(4, 8).toString()).toBe('ftyp')
  })

  test('every log line arrives once, in order, also to a late subscriber', async () => {
    const job = await generate()
    const whole = await watch(job.id, { after: job.cursor, over })
    const lines = whole.flatMap((update) => update.logs.map((line) => line.message))
    const steps = lines.filter((line) => /Step \d+\/\d+/.test(line))
    expect(steps).toHaveLength(25)
    expect(new Set(steps).size).toBe(25)

    const [snapshot, ...rest] = await watch(job.id, { over })
    expect(rest).toEqual([])
    expect(snapshot?.sequence).toBe(whole.at(-1)?.sequence)
    expect(snapshot?.logs.map((line) => line.message)).toEqual(lines)
  })

  test('a subscriber that reconnects with its cursor gets the rest, without gap or repeat', async () => {
    const job = await generate()
    const seen = []
    let after = job.cursor
    for (;;) {
      const part = await watch(job.id, { after, take: 2, over })
      seen.push(...part)
      after = part.at(-1)?.cursor ?? after
      if (part.length < 2 || part.at(-1)?.status === 'SUCCEEDED') break
    }
    const stored = await request(app.url, ListJobUpdatesDocument, { id: job.id, first: 100 })
    expect(sequences(seen)).toEqual(stored.data.job?.updates.edges.map((edge) => edge.node.sequence).slice(1))
  })

  test('a cursor at the end of an ended job completes at once', async () => {
    const job = await generate()
    const updates = await watch(job.id, { over })
    expect(await watch(job.id, { after: updates.at(-1)?.cursor ?? '', over })).toEqual([])
  })
})

test('many readers of one job all see the same', async () => {
  const job = await generate()
  const readers = await Promise.all(Array.from({ length: 30 }, () => watch(job.id, { after: job.cursor })))
  // Except for the job, which has its state at the time of the read.
  const received = readers.map((updates) => updates.map(({ job: _job, ...update }) => update))
  for (const updates of received) expect(updates).toEqual(received[0])
})

test('a video plays from any place: ranges are served', async () => {
  const job = await generate()
  const video = (await watch(job.id)).at(-1)?.job.video
  const part = await fetch(video?.url ?? '', { headers: { range: 'bytes=4-7' } })
  expect(part.status).toBe(206)
  expect(await part.text()).toBe('ftyp')
})

test('the same seed and settings make the same bytes, another seed makes others', async () => {
  const clip = async (seed: number) => {
    const job = await generate({ seed })
    const video = (await watch(job.id)).at(-1)?.job.video
    return Buffer.from(await (await fetch(video?.url ?? '')).arrayBuffer()).toString('base64')
  }
  const [one, again, other] = [await clip(1), await clip(1), await clip(2)]
  expect(again).toBe(one)
  expect(other).not.toBe(one)
})

test('the job has its whole history afterwards', async () => {
  const job = await generate({ idempotencyKey: randomUUID() })
  await watch(job.id)
  const { data } = await request(app.url, GetJobDocument, { id: job.id })
  expect(data.job).toMatchObject({ status: 'SUCCEEDED', failure: null, queuePosition: null, retryOf: null })
  const { createdAt, startedAt, finishedAt } = data.job ?? {}
  expect([createdAt, startedAt, finishedAt]).toEqual([createdAt, startedAt, finishedAt].toSorted())
})

test('jobFeed sends the updates of every job from now on', async () => {
  const seen: { sequence: number; job: { id: string } }[] = []
  const feed = subscribe(app.url, WatchFeedDocument)
  const reading = (async () => {
    for await (const { data } of feed) if (data) seen.push(data.jobFeed)
  })()
  // The subscription is live once a probe job shows up in it.
  await until(
    async () => {
      await generate()
      return seen.length > 0
    },
    { what: 'the first update of the feed' },
  )
  const jobs = [await generate(), await generate()]
  const of = (id: string) => seen.filter((update) => update.job.id === id)
  await until(
    () => jobs.every(({ id }) => of(id).some((update) => 'status' in update && update.status === 'SUCCEEDED')),
    {
      timeoutMs: 20_000,
      what: 'the end of both jobs in the feed',
    },
  )
  for (const { id } of jobs) expect(sequences(of(id))).toEqual(numbers(1, of(id).length))
  await feed.return(undefined)
  await reading
})

test.each([
  ['malformed', () => 'nonsense', 'BAD_USER_INPUT'],
  ['of another job', (other: string) => other, 'BAD_USER_INPUT'],
])('a cursor that is %s is refused with a typed error', async (_name, cursor, code) => {
  const [job, other] = [await generate(), await generate()]
  const results = []
  for await (const result of subscribe(app.url, WatchJobDocument, { id: job.id, after: cursor(other.cursor) }))
    results.push(result)
  expect(results).toMatchObject([{ errors: [{ extensions: { code, argument: 'after' } }] }])
})
