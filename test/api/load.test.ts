import { afterAll, beforeAll, expect, test } from 'vitest'
import { GenerateVideoDocument, WatchJobDocument } from '../../operations/generated/graphql.ts'
import { request, subscribe } from '../helpers/graphql-client.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'
import { startTestSandbox, type TestSandbox } from '../helpers/sandbox.ts'
import { type ServerProcess, startServerProcess } from '../helpers/server-process.ts'
import { until } from '../helpers/until.ts'

const JOBS = 200

let database: TestDatabase
let sandbox: TestSandbox
let server: ServerProcess

beforeAll(async () => {
  ;[database, sandbox] = await Promise.all([createTestDatabase(), startTestSandbox({ slots: 100, stepMs: 100 })])
  const environment = {
    DATABASE_URL: database.url,
    FAL_KEY: 'test-key',
    FAL_QUEUE_URL: sandbox.url,
    FAL_REST_URL: sandbox.url,
  }
  server = await startServerProcess(environment, { inspect: true })
})

afterAll(async () => {
  expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null })
  await Promise.all([sandbox.stop(), database.drop()])
})

/** Makes a video. Returns the sequences that its subscriber received, and the last state. */
async function makeOne(): Promise<{ sequences: number[]; status: string | undefined }> {
  // One seed for all: the sandbox makes the clip once.
  const { data } = await request(server.url, GenerateVideoDocument, {
    input: { imageUrl: 'https://example.com/rocket.png', seed: 1 },
  })
  if (data.generateVideo.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(data))
  const { id, cursor } = data.generateVideo.job
  const sequences: number[] = []
  let status: string | undefined
  for await (const { data: update } of subscribe(server.url, WatchJobDocument, { id, after: cursor })) {
    if (!update) throw new Error('an update without data')
    sequences.push(update.jobProgress.sequence)
    status = update.jobProgress.status
  }
  return { sequences, status }
}

test(`${JOBS} jobs at once all end, each subscriber receives every update, and memory returns`, async () => {
  await makeOne()
  const before = await server.heapUsed()
  const results = await Promise.all(Array.from({ length: JOBS }, () => makeOne()))
  for (const { sequences, status } of results) {
    expect(status).toBe('SUCCEEDED')
    expect(sequences).toEqual(Array.from({ length: sequences.length }, (_, index) => index + 2))
  }
  // 15 MB is what caches of code and connections may keep; 200 jobs with their logs would be more.
  await until(async () => (await server.heapUsed()) < before + 15e6, {
    timeoutMs: 20_000,
    everyMs: 500,
    what: 'memory to return',
  })
}, 120_000)
