/** Every way in which fal can fail, over real sockets: the kind of the error, and that one request is sent. */

import { getEventListeners } from 'node:events'
import type { Socket } from 'node:net'
import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createFal } from '../../../src/adapters/fal/client.ts'
import { FalError, type FalErrorKind } from '../../../src/adapters/fal/errors.ts'
import type { Fal } from '../../../src/adapters/fal/types.ts'
import {
  findRefusedUrl,
  openRecordingServer,
  type RecordingServer,
  type Script,
  type ScriptedAnswer,
} from '../../helpers/recording-server.ts'

const MODEL = 'fal-ai/stable-video'
const REQUEST_ID = '00000000-0000-4000-8000-000000000001'
const KEY = 'my-key-id:my-key-secret'
const INPUT = { image_url: 'https://example.com/a.png' }

let server: RecordingServer
let fal: Fal

beforeAll(async () => {
  server = await openRecordingServer()
  fal = createFal({ queueUrl: server.url, restUrl: server.url, mediaHosts: ['*.fal.media'], key: KEY })
})
beforeEach(() => server.requests.splice(0))
afterAll(() => server.close())

/** Everything of the error that a logger could print, hidden properties and causes included. */
function printed(error: unknown): string {
  return inspect(error, { depth: 20, showHidden: true })
}

async function failureOf(call: Promise<unknown>): Promise<FalError> {
  const error = await call.then(
    () => expect.unreachable('expected the call to fail'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof FalError)) throw error
  expect(printed(error)).not.toContain('my-key-secret')
  expect(error.message.length).toBeLessThanOrEqual(500)
  return error
}

const html = { headers: { 'content-type': 'text/html' }, body: '<html><h1>Bad gateway</h1></html>' }

const tooLong = { message: "fal's response is too long (status 200)" }

interface Row {
  name: string
  answer: ScriptedAnswer | Script
  kind: FalErrorKind
  error?: Record<string, unknown>
}

const rows: Row[] = [
  { name: 'HTML with 200', answer: html, kind: 'unreadable', error: { status: 200, body: html.body } },
  {
    name: 'truncated JSON',
    answer: { headers: { 'content-type': 'application/json' }, body: '{"request_id":"0000' },
    kind: 'unreadable',
    error: { body: '{"request_id":"0000' },
  },
  { name: 'an empty answer', answer: { status: 200 }, kind: 'unreadable' },
  { name: 'JSON null', answer: { json: null }, kind: 'unreadable' },
  { name: 'no request id', answer: { json: { status: 'IN_QUEUE' } }, kind: 'unreadable' },
  { name: 'a request id that is a path', answer: { json: { request_id: '../../x' } }, kind: 'unreadable' },
  { name: 'a request id that is a number', answer: { json: { request_id: 123456789 } }, kind: 'unreadable' },
  {
    name: 'an answer of 5 MiB',
    answer: { body: `{"request_id":"12345678","x":"${'x'.repeat(5 << 20)}"}` },
    kind: 'unreadable',
    error: tooLong,
  },
  {
    name: 'a bomb of 64 MiB in little',
    answer: { headers: { 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(64 << 20, 0x20)) },
    kind: 'unreadable',
    error: tooLong,
  },
  {
    name: 'a redirect',
    answer: () => ({ status: 307, headers: { location: `${server.url}/elsewhere` } }),
    kind: 'unreadable',
    error: { status: 307 },
  },
  {
    name: '400',
    answer: { status: 400, json: { detail: 'Bad' } },
    kind: 'rejected',
    error: { message: 'Bad', issues: [] },
  },
  {
    name: '401 that repeats the key',
    answer: { status: 401, json: { detail: `Invalid credentials: ${KEY} (my-key-\0secret)` } },
    kind: 'auth',
    error: { status: 401, message: 'Invalid credentials: [redacted] ([redacted])' },
  },
  { name: '403 in HTML', answer: { ...html, status: 403 }, kind: 'auth', error: { body: html.body } },
  {
    name: '404',
    answer: { status: 404, json: { status: 'NOT_FOUND' } },
    kind: 'not-found',
    error: { message: 'fal does not know this model or request (status 404)' },
  },
  { name: '408', answer: { status: 408 }, kind: 'unavailable' },
  { name: '425', answer: { status: 425 }, kind: 'unavailable' },
  {
    name: '422 of the model',
    answer: {
      status: 422,
      headers: { 'x-fal-error-type': 'bad_request' },
      json: {
        detail: [
          {
            loc: ['body', 'motion_bucket_id'],
            msg: 'Too large',
            type: 'less_than_equal',
            ctx: { le: 255 },
            input: 'private-input',
          },
          {
            loc: ['body', 'image', 0, { toString: 1 }],
            msg: 'Bad \ud800 te\0xt',
            type: 'image_load_error',
            input: 'private-input',
          },
          'plain',
          7,
        ],
      },
    },
    kind: 'rejected',
    error: {
      status: 422,
      errorType: 'less_than_equal',
      message: 'motion_bucket_id: Too large; image.0: Bad \ufffd text; plain',
      body: null,
      issues: [
        { path: ['motion_bucket_id'], code: 'less_than_equal', message: 'Too large' },
        { path: ['image', '0'], code: 'image_load_error', message: 'Bad \ufffd text' },
        { path: [], code: 'bad_request', message: 'plain' },
      ],
    },
  },
  {
    name: '422 in one text',
    answer: { status: 422, json: { detail: 'Image is not usable' } },
    kind: 'rejected',
    error: {
      message: 'Image is not usable',
      errorType: null,
      issues: [{ path: [], code: 'value_error', message: 'Image is not usable' }],
    },
  },
  {
    name: '422 without JSON',
    answer: { status: 422, body: 'no' },
    kind: 'rejected',
    error: { body: 'no', issues: [] },
  },
  {
    name: '429 with seconds',
    answer: { status: 429, headers: { 'retry-after': '7' }, json: { detail: 'Slow down' } },
    kind: 'rate-limited',
    error: { retryAfterMs: 7000 },
  },
  { name: '429 without Retry-After', answer: { status: 429 }, kind: 'rate-limited', error: { retryAfterMs: null } },
  {
    name: '429 for a thousand years',
    answer: { status: 429, headers: { 'retry-after': '31536000000' } },
    kind: 'rate-limited',
    error: { retryAfterMs: 86_400_000 },
  },
  { name: '499', answer: { status: 499 }, kind: 'unavailable' },
  {
    name: '500 of the model',
    answer: { status: 500, json: { detail: [{ loc: ['body'], msg: 'Internal', type: 'internal_server_error' }] } },
    kind: 'unavailable',
    error: {
      errorType: 'internal_server_error',
      issues: [{ path: [], code: 'internal_server_error', message: 'Internal' }],
    },
  },
  {
    name: '503 of the platform',
    answer: { status: 503, json: { detail: 'No runner', error_type: 'runner_scheduling_failure' } },
    kind: 'unavailable',
    error: { message: 'No runner', errorType: 'runner_scheduling_failure', issues: [] },
  },
  {
    name: '504 with its type in a header',
    answer: { ...html, status: 504, headers: { 'x-fal-error-type': 'request_timeout', 'content-type': 'text/html' } },
    kind: 'unavailable',
    error: { errorType: 'request_timeout', message: 'fal is unavailable (status 504)' },
  },
  {
    name: 'a detail of 10,000 characters',
    answer: { status: 400, json: { detail: '😀'.repeat(5000) } },
    kind: 'rejected',
    error: { message: `${'😀'.repeat(249)}…` },
  },
  {
    name: 'a refusal whose explanation is cut',
    answer: (_, response) => {
      response.writeHead(422, { 'content-length': '100' }).write('{"detail"', () => response.destroy())
      return undefined
    },
    kind: 'rejected',
    error: { status: 422 },
  },
  {
    name: 'a socket that dies after it took the body',
    answer: (_, response) => {
      response.destroy()
      return undefined
    },
    kind: 'interrupted',
    error: { status: null },
  },
  {
    name: 'an answer that is no HTTP and repeats the key',
    answer: (_, response) => {
      response.socket?.end(`HTTP/1.1 200 OK\r\nno header ${KEY}\r\n\r\n`)
      return undefined
    },
    kind: 'interrupted',
    error: { message: 'The connection to fal broke: its response is not HTTP' },
  },
  {
    name: 'an acceptance that is cut',
    answer: (_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"request_id"', () => response.destroy())
      return undefined
    },
    kind: 'interrupted',
  },
]

describe.each(rows)('$name', ({ answer, kind, error }) => {
  test(`makes a submit fail as ${kind}, after one request`, async () => {
    server.script(answer)
    const failure = await failureOf(fal.submit(MODEL, INPUT))
    expect(failure.kind).toBe(kind)
    if (error !== undefined) expect(failure).toMatchObject(error)
    expect(printed(failure)).not.toContain('private-input')
    expect(server.requests).toHaveLength(1)
  })
})

test('a 429 with an HTTP date gives the time to wait from now', async () => {
  const at = new Date(Date.now() + 60_000).toUTCString()
  server.script({ status: 429, headers: { 'retry-after': at } })
  const { retryAfterMs } = await failureOf(fal.status(MODEL, REQUEST_ID))
  expect(retryAfterMs).toBeGreaterThan(50_000)
  expect(retryAfterMs).toBeLessThanOrEqual(60_000)
})

test('the error of a failed model keeps its type and issues, after one request', async () => {
  const detail = [{ loc: ['body', 'prompt'], msg: 'Flagged', type: 'content_policy_violation', input: 'private-input' }]
  server.script({ status: 422, json: { detail } })
  const failure = await failureOf(fal.result(MODEL, REQUEST_ID))
  expect(failure).toMatchObject({ kind: 'rejected', errorType: 'content_policy_violation', message: 'prompt: Flagged' })
  expect(server.requests).toHaveLength(1)
})

test('a refused connection and an unknown host name are not-sent', async () => {
  const refused = await findRefusedUrl()
  for (const url of [refused, 'http://fal.invalid']) {
    const nowhere = createFal({ queueUrl: url, restUrl: url, mediaHosts: [], key: KEY })
    expect((await failureOf(nowhere.submit(MODEL, INPUT))).kind).toBe('not-sent')
    expect((await failureOf(nowhere.upload(new Blob(['x'])))).kind).toBe('not-sent')
  }
})

test.each([
  ['never answers', () => undefined],
  [
    'stops in the middle of an answer',
    (_request, response) => {
      response.writeHead(200).write('{"request_id"')
      return undefined
    },
  ],
] satisfies [string, Script][])('a server that %s is interrupted after timeoutMs, once', async (_, script) => {
  server.script(script)
  const hasty = createFal({ queueUrl: server.url, restUrl: server.url, mediaHosts: [], key: KEY, timeoutMs: 50 })
  const failure = await failureOf(hasty.submit(MODEL, INPUT))
  expect(failure).toMatchObject({ kind: 'interrupted', message: 'fal did not respond within 50 ms' })
  expect(server.requests).toHaveLength(1)
})

test("the caller's abort rejects with the caller's reason, before the request, during it and in the middle of the response", async () => {
  const reason = new Error('the job was taken away')
  await expect(fal.submit(MODEL, INPUT, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  expect(server.requests).toHaveLength(0)
  for (const begin of [false, true]) {
    const controller = new AbortController()
    server.script((_, response) => {
      if (begin) response.writeHead(500).write('{')
      setImmediate(() => controller.abort(reason))
      return undefined
    })
    await expect(fal.submit(MODEL, INPUT, { signal: controller.signal })).rejects.toBe(reason)
  }
  expect(server.requests).toHaveLength(2)
})

test('an upload to a foreign host, or one that the storage refuses, fails without sending the key', async () => {
  const slot = (upload_url: unknown, file_url: unknown) => ({ json: { upload_url, file_url } })
  const good = `${server.url}/files/1.png`
  const odd = ['file:///put?sig=hush', 'http://u:hush@fal.media/put', `${good}\n?hush`, ` ${good}`, 'nonsense', 7]
  const strangers = ['https://evil.test/put?sig=hush', 'https://evilfal.media/put', ...odd]
  for (const answer of [...odd.map((url) => slot(url, good)), ...strangers.map((url) => slot(good, url))]) {
    server.requests.splice(0)
    server.script(answer)
    const failure = await failureOf(fal.upload(new Blob(['x'], { type: 'image/png' })))
    expect(failure.kind).toBe('unreadable')
    expect(printed(failure)).not.toContain('hush')
    expect(server.requests).toHaveLength(1)
  }
  for (const [status, kind] of [
    [403, 'rejected'],
    [404, 'rejected'],
    [503, 'unavailable'],
    [302, 'unreadable'],
  ] as const) {
    server.requests.splice(0)
    server.script(({ method }) =>
      method === 'POST' ? slot(`${server.url}/put`, good) : { status, headers: { location: '/x' } },
    )
    expect((await failureOf(fal.upload(new Blob(['x'])))).kind).toBe(kind)
    expect(server.requests.map(({ method }) => method)).toEqual(['POST', 'PUT'])
  }
})

test('the bytes of an upload go to the URL that fal returns, without the key', async () => {
  const file = 'https://v3.fal.media/files/1.png'
  server.script(({ method }) =>
    method === 'POST' ? { json: { upload_url: `${server.url}/put?sig=1`, file_url: file } } : {},
  )
  expect(await fal.upload(new Blob(['bytes']))).toBe(file)
  expect(server.requests.map(({ method, url }) => [method, url])).toEqual([
    ['POST', '/storage/upload/initiate?storage_type=fal-cdn-v3'],
    ['PUT', '/put?sig=1'],
  ])
  expect(server.requests[1]?.headers).not.toHaveProperty('authorization')
  expect(server.requests[1]?.body.toString()).toBe('bytes')
})

test("the bytes of an upload go only to fal's hosts", async () => {
  // Another host name of this machine: a request to it would arrive.
  const foreign = server.url.replace('127.0.0.1', '0.0.0.0')
  server.script(({ method }) =>
    method === 'POST' ? { json: { upload_url: `${foreign}/put?sig=hush`, file_url: `${server.url}/files/1.png` } } : {},
  )
  const failure = await failureOf(fal.upload(new Blob(['bytes'])))
  expect(failure).toMatchObject({
    kind: 'unreadable',
    message: "fal named an upload host that is not one of fal's hosts (0.0.0.0)",
  })
  expect(printed(failure)).not.toContain('hush')
  expect(server.requests.map(({ method }) => method)).toEqual(['POST'])
})

test('an upload may take four times as long as any other call', async () => {
  server.script(() => undefined)
  const hasty = createFal({ queueUrl: server.url, restUrl: server.url, mediaHosts: [], key: KEY, timeoutMs: 20 })
  expect((await failureOf(hasty.upload(new Blob(['x'])))).message).toBe('fal did not respond within 80 ms')
  expect((await failureOf(hasty.status(MODEL, 'another-request'))).message).toBe('fal did not respond within 20 ms')
})

test('a status too long for its logs can be read without them', async () => {
  const logs = [{ message: 'x'.repeat(5 << 20) }]
  server.script(({ url }) => ({ json: { status: 'IN_PROGRESS', logs: url.endsWith('logs=0') ? null : logs } }))
  expect(await failureOf(fal.status(MODEL, REQUEST_ID))).toMatchObject({ kind: 'unreadable', ...tooLong })
  expect(await fal.status(MODEL, REQUEST_ID, { logs: false })).toEqual({ state: 'IN_PROGRESS', logs: [] })
  // A request of the test before, aborted after 20 ms, may arrive only now.
  const own = server.requests.filter(({ url }) => url.includes(REQUEST_ID))
  expect(own.map(({ url }) => url.split('?')[1])).toEqual(['logs=1', 'logs=0'])
})

test.each(['7', 'req_0123456789', 'a'.repeat(128)])('the request ID %s is accepted and polled', async (id) => {
  server.script({ json: { status: 'IN_QUEUE', request_id: id } })
  expect((await fal.submit(MODEL, INPUT)).requestId).toBe(id)
  expect(await fal.status(MODEL, id)).toMatchObject({ state: 'IN_QUEUE' })
  expect(server.requests[1]?.url).toContain(`/requests/${id}/status`)
})

test('a submit never uses a connection that the server is about to close, and leaves none open', async () => {
  const sockets = new Set<Socket | null>()
  server.script((_, { socket }) => {
    // As a server that closes an idle connection while the next request is in transit.
    if (sockets.has(socket)) socket?.destroy()
    sockets.add(socket)
    return { json: { status: 'IN_QUEUE', request_id: REQUEST_ID } }
  })
  await fal.status(MODEL, REQUEST_ID)
  const before = new Set(sockets)
  for (let turn = 0; turn < 5; turn++) await fal.submit(MODEL, INPUT)
  expect(sockets.size).toBe(6)
  const own = [...sockets].filter((socket) => !before.has(socket))
  await vi.waitUntil(() => own.every((socket) => socket?.destroyed))
})

test('polls share their connections', async () => {
  const sockets = new Set<Socket | null>()
  server.script((_, { socket }) => {
    sockets.add(socket)
    return { json: { status: 'IN_PROGRESS' } }
  })
  for (let turn = 0; turn < 20; turn++) await fal.status(MODEL, REQUEST_ID)
  expect(sockets.size).toBeLessThan(5)
})

test('an invalid call is refused before anything is sent', async () => {
  const badModels = [
    'stable-video',
    'https://evilfal.run/x',
    'a/../b',
    'a/b?fal_webhook=x',
    'a/b#c',
    '/a/b',
    'a//b',
    'a/b/',
    'workflows/me',
    'a/%2e%2e',
  ]
  const ponyfill = { type: 'image/png', name: 'a.png', size: 1 } as unknown as Blob
  const calls = [
    ...badModels.flatMap((model) => [fal.submit(model, INPUT), fal.status(model, REQUEST_ID)]),
    ...['../../x', '..', 'a.b', 'a%2fb', 'a'.repeat(129), `${REQUEST_ID}\n`, ''].map((id) => fal.result(MODEL, id)),
    fal.submit(MODEL, { seed: Number.NaN }),
    fal.submit(MODEL, { image: new Blob(['x']) as unknown as string }),
    fal.upload(ponyfill),
    fal.upload(new Blob(['x'], { type: 'odd' })),
  ]
  for (const call of calls) expect(await failureOf(call)).toMatchObject({ kind: 'rejected', status: null })
  expect((await failureOf(fal.status(MODEL, REQUEST_ID, { key: 'my-key-secret\n' }))).kind).toBe('auth')
  expect(server.requests).toHaveLength(0)
})

test.each([
  [200, { status: 'OK' }, 'REQUESTED'],
  [202, { status: 'CANCELLATION_REQUESTED' }, 'REQUESTED'],
  [400, { status: 'ALREADY_COMPLETED' }, 'ALREADY_COMPLETED'],
  [404, { status: 'NOT_FOUND' }, 'NOT_FOUND'],
])('a cancel that is answered %i %j is %s', async (status, json, outcome) => {
  server.script({ status, json })
  expect(await fal.cancel(MODEL, REQUEST_ID)).toBe(outcome)
  expect(server.requests).toHaveLength(1)
})

test('a failed cancel throws like any other call', async () => {
  server.script({ status: 400, json: { detail: 'No' } })
  expect((await failureOf(fal.cancel(MODEL, REQUEST_ID))).kind).toBe('rejected')
  server.script({ status: 503 })
  expect((await failureOf(fal.cancel(MODEL, REQUEST_ID))).kind).toBe('unavailable')
})

test('one signal serves 1,000 concurrent calls without a warning, and keeps no listener', async () => {
  const warnings: Error[] = []
  const listen = (warning: Error) => warnings.push(warning)
  process.on('warning', listen)
  const { signal } = new AbortController()
  server.script({ json: { status: 'IN_PROGRESS' } })
  await Promise.all(Array.from({ length: 1000 }, () => fal.status(MODEL, REQUEST_ID, { signal })))
  process.off('warning', listen)
  expect(warnings).toEqual([])
  expect(getEventListeners(signal, 'abort')).toEqual([])
})
