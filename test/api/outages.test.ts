import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  GenerateVideoDocument,
  WatchJobDocument,
  type WatchJobSubscription,
} from '../../operations/generated/graphql.ts'
import { startTestApp, type TestApp } from '../helpers/app.ts'
import { type FaultMode, type FaultProxy, startFaultProxy } from '../helpers/fault-proxy.ts'
import { request, subscribe } from '../helpers/graphql-client.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'
import { startTestSandbox, type TestSandbox } from '../helpers/sandbox.ts'
import { until } from '../helpers/until.ts'

let database: TestDatabase
let proxy: FaultProxy
let sandbox: TestSandbox
let app: TestApp

beforeAll(async () => {
  database = await createTestDatabase()
  proxy = await startFaultProxy({ port: Number(new URL(database.url).port) })
  sandbox = await startTestSandbox({ stepMs: 60 })
  app = await startTestApp({ databaseUrl: proxy.through(database.url), falUrl: sandbox.url })
})

afterEach(() => {
  proxy.mode = 'pass'
})

afterAll(async () => {
  await app.stop()
  await sandbox.stop()
  await proxy.stop()
  await database.drop()
})

const LIST = '{ jobs { totalCount } }'
const GENERATE = GenerateVideoDocument.toString()
const input = { imageUrl: 'https://example.com/rocket.png', seed: 1 }

/** A request over HTTP with all that its answer says, and how long it took in milliseconds. */
async function post(query: string, variables = {}) {
  const started = performance.now()
  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  const body = (await response.json()) as { data?: unknown; errors?: { extensions: { code: string } }[] }
  const { status, headers } = response
  return { status, retryAfter: headers.get('retry-after'), body, tookMs: performance.now() - started }
}

async function generate(): Promise<string> {
  const { data } = await request(app.url, GenerateVideoDocument, { input })
  if (data.generateVideo.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(data))
  return data.generateVideo.job.id
}

type Progress = WatchJobSubscription['jobProgress']

/** Reads the progress of a job to its end; `updates` grows meanwhile. */
function watch(id: string): { updates: Progress[]; done: Promise<void> } {
  const updates: Progress[] = []
  async function read(): Promise<void> {
    for await (const { data, errors } of subscribe(app.url, WatchJobDocument, { id })) {
      if (errors) throw new Error(JSON.stringify(errors))
      if (data) updates.push(data.jobProgress)
    }
  }
  const done = read()
  done.catch(() => {}) // Reported where it is awaited.
  return { updates, done }
}

describe.each<[FaultMode, number]>([
  ['cut', 2_500],
  ['blackhole', 5_000],
])('while Postgres is gone (%s)', (mode, mostMs) => {
  test('callers get SERVICE_UNAVAILABLE, a subscription waits and misses nothing, and the job ends', async () => {
    const id = await generate()
    const { updates, done } = watch(id)
    await until(() => updates.some(({ status }) => status === 'RUNNING'))
    proxy.mode = mode

    const answers = await Promise.all([post(LIST), post(GENERATE, { input }), post(LIST), post(GENERATE, { input })])
    for (const { status, retryAfter, body, tookMs } of answers) {
      expect({ status, retryAfter, code: body.errors?.[0]?.extensions.code }).toEqual({
        status: 503,
        retryAfter: '5',
        code: 'SERVICE_UNAVAILABLE',
      })
      expect(tookMs).toBeLessThan(mostMs)
    }
    const ready = await fetch(`${app.url}/readyz`)
    expect([ready.status, (await fetch(`${app.url}/healthz`)).status]).toEqual([503, 200])

    proxy.mode = 'pass'
    const back = performance.now()
    await until(async () => (await post(LIST)).status === 200)
    await done
    expect(performance.now() - back).toBeLessThan(15_000)
    const sequences = updates.map(({ sequence }) => sequence)
    expect(sequences).toEqual(sequences.map((_, n) => (sequences[0] ?? 0) + n))
    expect(updates.at(-1)?.status).toBe('SUCCEEDED')
  })
})

test('a new subscription gets SERVICE_UNAVAILABLE, and its socket stays open', async () => {
  const id = await generate()
  proxy.mode = 'cut'
  const { value } = await subscribe(app.url, WatchJobDocument, { id }).next()
  expect(value?.errors?.[0]?.extensions?.code).toBe('SERVICE_UNAVAILABLE')
})

test('whatever breaks again and again, no connection is left over', async () => {
  for (let round = 0; round < 5; round++) {
    proxy.mode = 'cut'
    await post(LIST)
    proxy.mode = 'pass'
    await until(async () => (await post(LIST)).status === 200)
  }
  await Promise.all(Array.from({ length: 40 }, () => post(LIST)))
  // The pool's 10, the engine's 4, the bus.
  await until(() => proxy.open <= 15)
})
