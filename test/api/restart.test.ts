import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  GenerateVideoDocument,
  GetJobDocument,
  ListJobUpdatesDocument,
  WatchJobDocument,
} from '../../operations/generated/graphql.ts'
import { request, subscribe } from '../helpers/graphql-client.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'
import { type RecordingProxy, startRecordingProxy } from '../helpers/recording-proxy.ts'
import { startTestSandbox, type TestSandbox } from '../helpers/sandbox.ts'
import { startServerProcess } from '../helpers/server-process.ts'
import { until } from '../helpers/until.ts'

let database: TestDatabase
let sandbox: TestSandbox
let fal: RecordingProxy

beforeAll(async () => {
  ;[database, sandbox] = await Promise.all([createTestDatabase(), startTestSandbox({ stepMs: 100 })])
  fal = await startRecordingProxy(sandbox.url)
})

afterAll(async () => {
  await fal.stop()
  await Promise.all([sandbox.stop(), database.drop()])
})

const environment = () => ({
  DATABASE_URL: database.url,
  FAL_KEY: 'test-key',
  FAL_QUEUE_URL: fal.url,
  FAL_REST_URL: fal.url,
})

async function generate(url: string) {
  const { data } = await request(url, GenerateVideoDocument, {
    input: { imageUrl: 'https://example.com/rocket.png', seed: 1 },
  })
  if (data.generateVideo.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(data))
  return data.generateVideo.job
}

async function sequencesUntilBreak(url: string, id: string, after: string) {
  const seen: { sequence: number; cursor: string; status: string }[] = []
  try {
    for await (const { data } of subscribe(url, WatchJobDocument, { id, after })) if (data) seen.push(data.jobProgress)
  } catch {
    // The server was killed: what came until then is what counts.
  }
  return seen
}

test('a server that is killed and started again brings every job to its end, submitted once, without a gap for its subscribers', async () => {
  const first = await startServerProcess(environment())
  // Killed in three stages: running, queued, and just saved.
  const running = await generate(first.url)
  const watching = sequencesUntilBreak(first.url, running.id, running.cursor)
  await until(
    async () => (await request(first.url, GetJobDocument, { id: running.id })).data.job?.status === 'RUNNING',
    {
      timeoutMs: 20_000,
      what: 'the first job to run',
    },
  )
  const jobs = [running, await generate(first.url), await generate(first.url)]
  expect(await first.end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' })
  const before = await watching

  const second = await startServerProcess(environment())
  try {
    const after = await sequencesUntilBreak(second.url, running.id, before.at(-1)?.cursor ?? running.cursor)
    const { data } = await request(second.url, ListJobUpdatesDocument, { id: running.id, first: 100 })
    const stored = data.job?.updates.edges.map((edge) => edge.node.sequence) ?? []
    expect([1, ...before, ...after].map((update) => (typeof update === 'number' ? update : update.sequence))).toEqual(
      stored,
    )
    expect(stored).toEqual(Array.from({ length: stored.length }, (_, index) => index + 1))

    for (const { id } of jobs)
      await until(
        async () => {
          const status = (await request(second.url, GetJobDocument, { id })).data.job?.status
          // The one that was killed between the POST and its answer, if any, may not be sent again.
          return status === 'SUCCEEDED' || status === 'FAILED'
        },
        { timeoutMs: 60_000, what: `the end of job ${id}` },
      )
    const submits = fal.requests.filter(({ method, path }) => method === 'POST' && path === '/fal-ai/stable-video')
    expect(submits.length).toBeLessThanOrEqual(3)
    const ended = await Promise.all(
      jobs.map(async ({ id }) => (await request(second.url, GetJobDocument, { id })).data.job),
    )
    expect(ended[0]?.status).toBe('SUCCEEDED')
    for (const job of ended) if (job?.status === 'FAILED') expect(job.failure?.code).toBe('SUBMIT_UNKNOWN')
  } finally {
    expect(await second.end('SIGTERM')).toEqual({ code: 0, signal: null })
  }
}, 150_000)
