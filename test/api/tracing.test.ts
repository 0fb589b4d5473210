import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  GenerateVideoDocument,
  type GenerateVideoMutation,
  WatchJobDocument,
} from '../../operations/generated/graphql.ts'
import { subscribe } from '../helpers/graphql-client.ts'
import { readSpans, type SentSpan } from '../helpers/otlp.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'
import { openRecordingServer, type RecordingServer } from '../helpers/recording-server.ts'
import { startTestSandbox, type TestSandbox } from '../helpers/sandbox.ts'
import { startServerProcess } from '../helpers/server-process.ts'

const FAL_KEY = 'key-of-the-test:secret-of-the-test'
const IMAGE_URL = 'https://images.example.com/rocket.png?signature=of-the-test'

let database: TestDatabase
let sandbox: TestSandbox
let collector: RecordingServer

beforeAll(async () => {
  ;[database, sandbox, collector] = await Promise.all([
    createTestDatabase(),
    startTestSandbox({ stepMs: 10 }),
    openRecordingServer(),
  ])
  collector.script({ status: 200 })
})

afterAll(async () => {
  await Promise.all([collector.close(), sandbox.stop(), database.drop()])
})

const startServer = (environment: Record<string, string>) =>
  startServerProcess({
    DATABASE_URL: database.url,
    FAL_KEY,
    FAL_QUEUE_URL: sandbox.url,
    FAL_REST_URL: sandbox.url,
    ...environment,
  })

async function generate(url: string, traceParent: string, imageUrl = IMAGE_URL): Promise<string> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', traceparent: traceParent },
    body: JSON.stringify({ query: GenerateVideoDocument.toString(), variables: { input: { imageUrl, seed: 1 } } }),
  })
  const { data } = (await response.json()) as { data: GenerateVideoMutation }
  if (data.generateVideo.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(data))
  return data.generateVideo.job.id
}

async function watch(url: string, id: string): Promise<void> {
  for await (const { errors } of subscribe(url, WatchJobDocument, { id })) expect(errors).toBeUndefined()
}

describe('a job that two processes made', () => {
  const traceId = randomBytes(16).toString('hex')
  const callerId = randomBytes(8).toString('hex')
  let jobId: string
  let spans: SentSpan[]
  const named = (name: string): SentSpan => {
    const found = spans.find((span) => span.name === name && span.traceId === traceId)
    return found ?? expect.fail(`there is no span ${name} among ${spans.map((span) => span.name).join(', ')}`)
  }

  beforeAll(async () => {
    const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
    const [api, worker] = await Promise.all([
      startServer({ ...traced, ROLES: 'api' }),
      startServer({ ...traced, ROLES: 'worker', OTEL_SERVICE_NAME: 'reelay-worker' }),
    ])
    const id = await generate(api.url, `00-${traceId}-${callerId}-01`)
    // Spans and the log have the id without the type that the API puts before it.
    jobId = Buffer.from(id, 'base64url').toString().replace('Job:', '')
    await watch(api.url, id)
    // The stop sends the remaining spans.
    expect(await Promise.all([api.end('SIGTERM'), worker.end('SIGTERM')])).toEqual([
      { code: 0, signal: null },
      { code: 0, signal: null },
    ])
    expect(new Set(collector.requests.map(({ method, url }) => `${method} ${url}`))).toEqual(
      new Set(['POST /v1/traces']),
    )
    spans = collector.requests.flatMap(({ body }) => readSpans(body))
  }, 60_000)

  test('is one trace, from the caller over the mutation to its end', () => {
    const tree = [
      ['generateVideo', callerId],
      ['create job', named('generateVideo').id],
      ['relay', named('create job').id],
      ['submit', named('relay').id],
      ['fal submit', named('submit').id],
      ['follow', named('relay').id],
      ['fal status', named('follow').id],
      ['fal watch', named('follow').id],
      ['finish', named('relay').id],
      ['fal result', named('finish').id],
    ] as const
    expect(tree.map(([name]) => [name, named(name).parentId])).toEqual(tree)
    expect(tree.map(([name]) => named(name).error).filter((error) => error !== null)).toEqual([])
  })

  test('names the process of each span and the ids of the job', () => {
    expect([named('generateVideo').service, named('relay').service]).toEqual(['reelay', 'reelay-worker'])
    expect(named('create job').attributes).toEqual({ 'reelay.job_id': jobId })
    expect(named('relay').attributes).toEqual({ 'reelay.job_id': jobId, 'reelay.claim': 1 })
    expect(named('fal submit').attributes).toEqual({
      'fal.endpoint': 'fal-ai/stable-video',
      'fal.request_id': expect.any(String),
      'fal.outcome': 'ok',
    })
    expect(named('fal result').attributes['fal.request_id']).toBe(named('fal submit').attributes['fal.request_id'])
  })

  test('a subscription is a span of its own trace', () => {
    const subscription = spans.find(({ name }) => name === 'jobProgress')
    expect(subscription).toMatchObject({ parentId: '', attributes: { 'graphql.operation.type': 'subscription' } })
    expect(subscription?.traceId).not.toBe(traceId)
  })

  test('contains neither the key nor the image URL', () => {
    expect(collector.requests.length).toBeGreaterThan(0)
    for (const { body, headers } of collector.requests)
      for (const secret of [FAL_KEY, 'secret-of-the-test', 'images.example.com', 'of-the-test'])
        expect(body.includes(secret) || JSON.stringify(headers).includes(secret), secret).toBe(false)
  })
})

test('what fails is marked by its kind, and a trace that is not sampled is not sent', async () => {
  collector.requests.length = 0
  const server = await startServer({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/elsewhere` })
  const [failing, silent] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')]
  const ids = await Promise.all([
    generate(server.url, `00-${failing}-${randomBytes(8).toString('hex')}-01`, 'http://sandbox.test/model-error.png'),
    generate(server.url, `00-${silent}-${randomBytes(8).toString('hex')}-00`),
  ])
  for (const id of ids) await watch(server.url, id)
  expect((await server.end('SIGTERM')).code).toBe(0)

  expect(new Set(collector.requests.map(({ url }) => url))).toEqual(new Set(['/elsewhere']))
  const spans = collector.requests.flatMap(({ body }) => readSpans(body))
  expect(spans.find(({ name, traceId }) => name === 'fal result' && traceId === failing)).toMatchObject({
    error: 'FalError unavailable',
    attributes: { 'fal.outcome': 'unavailable' },
  })
  expect(spans.filter(({ traceId }) => traceId === silent)).toEqual([])
}, 60_000)

test('an unavailable collector is logged, and the server works and stops normally', async () => {
  const withoutFal = await openRecordingServer()
  await withoutFal.close()
  const server = await startServer({ OTEL_EXPORTER_OTLP_ENDPOINT: withoutFal.url })
  await watch(server.url, await generate(server.url, 'nonsense'))
  const stopping = performance.now()
  expect((await server.end('SIGTERM')).code).toBe(0)
  expect(performance.now() - stopping).toBeLessThan(8_000)
  expect(server.output()).toContain('traces failed')
}, 60_000)
