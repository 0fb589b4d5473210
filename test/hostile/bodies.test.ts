import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { request } from '../helpers/graphql-client.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'
import { findRefusedUrl, openRecordingServer } from '../helpers/recording-server.ts'
import { startTestSandbox } from '../helpers/sandbox.ts'
import { type ServerProcess, startServerProcess } from '../helpers/server-process.ts'
import { until } from '../helpers/until.ts'

const MB = 1024 * 1024
const BODY_BYTES = 15 * MB
/** The longest that one turn of the event loop may compute, in milliseconds. */
const MAX_TURN_MS = 100
/** What a process of 700 MB has, as compose.yaml starts it. */
const PROCESS_MB = 700
const LOOP_DELAY = fileURLToPath(new URL('../helpers/loop-delay.ts', import.meta.url))
const JSON_TYPE = { 'content-type': 'application/json' }

let database: TestDatabase
let server: ServerProcess

beforeAll(async () => {
  const [created, falUrl] = await Promise.all([createTestDatabase(), findRefusedUrl()])
  database = created
  server = await startServer(database.url, falUrl, 'api')
})

function startServer(databaseUrl: string, falUrl: string, roles: string): Promise<ServerProcess> {
  return startServerProcess({
    DATABASE_URL: databaseUrl,
    FAL_KEY: 'test-key',
    FAL_QUEUE_URL: falUrl,
    FAL_REST_URL: falUrl,
    ROLES: roles,
    NODE_OPTIONS: `--max-old-space-size=${PROCESS_MB} --import ${LOOP_DELAY}`,
  })
}

afterAll(async () => {
  await server.end('SIGTERM')
  await database.drop()
})

async function post(body: Buffer | FormData, headers: Record<string, string> = JSON_TYPE, to = server) {
  try {
    const response = await fetch(`${to.url}/graphql`, { method: 'POST', body: body as BodyInit, headers })
    return { status: response.status, retryAfter: response.headers.get('retry-after'), text: await response.text() }
  } catch {
    // Answered and closed while the rest was still being sent.
    return { status: 0, retryAfter: null, text: '' }
  }
}

/** The longest that a turn of the server's event loop computed since the last question, in milliseconds. */
async function readLongestTurnMs({ output, process }: ServerProcess = server): Promise<number> {
  const seen = output().length
  process.kill('SIGUSR2')
  // As text: none measured since the last question is 0.0 ms.
  return Number(await until(() => /loop held for ([\d.]+) ms/.exec(output().slice(seen))?.[1]))
}

/** Does it up to five times: the first time may also be the time for compiling what it runs, or the machine a slow one. */
async function expectShortTurns(run: () => Promise<void>, of?: ServerProcess): Promise<void> {
  const turnsMs: number[] = []
  while (turnsMs.length < 5) {
    await readLongestTurnMs(of)
    await run()
    turnsMs.push(await readLongestTurnMs(of))
    if (Math.min(...turnsMs) < MAX_TURN_MS) return
  }
  expect.fail(`a turn of the event loop computed for ${turnsMs.join(', ')} ms`)
}

/** The most memory that the process ever had, in MB; 0 where the system does not tell. */
async function readPeakMb(): Promise<number> {
  const status = await readFile(`/proc/${server.process.pid}/status`, 'utf8').catch(() => '')
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
}

/** Asks /healthz again and again from a thread of its own, since this one is busy with sending. */
function watchHealth(): { stop(): Promise<number> } {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     let longestMs = 0, stopped = false
     parentPort.on('message', () => { stopped = true })
     void (async () => {
       while (!stopped) {
         const since = performance.now()
         await (await fetch(workerData)).text()
         longestMs = Math.max(longestMs, performance.now() - since)
       }
       parentPort.postMessage(longestMs); parentPort.close()
     })()`,
    { eval: true, workerData: `${server.url}/healthz` },
  )
  return {
    stop: () =>
      new Promise((resolve, reject) => {
        worker.once('message', resolve).once('error', reject).postMessage('stop')
      }),
  }
}

/** A PNG by its first bytes, of the largest size that is taken. */
function makeImage(): Buffer {
  const bytes = Buffer.alloc(10 * MB, 0x5a)
  Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  ).copy(bytes)
  return bytes
}

const GENERATE =
  'mutation($input: GenerateVideoInput!) { generateVideo(input: $input) { __typename ... on GenerateVideoSuccess { job { id } } } }'
const CANCEL = 'mutation($id: ID!) { cancelJob(id: $id) { __typename } }'

function makeGenerate(more: { idempotencyKey?: string } = {}): Buffer {
  const imageUrl = `data:image/png;base64,${makeImage().toString('base64')}`
  return Buffer.from(JSON.stringify({ query: GENERATE, variables: { input: { imageUrl, ...more } } }))
}

function upload(to = server) {
  const form = new FormData()
  const query = 'mutation($file: File!) { uploadImage(file: $file) { __typename } }'
  form.set('operations', JSON.stringify({ query, variables: { file: null } }))
  form.set('map', '{"0":["variables.file"]}')
  form.set('0', new Blob([new Uint8Array(makeImage())], { type: 'image/png' }), 'a.png')
  return post(form, { 'graphql-require-preflight': 'true' }, to)
}

const fill = (piece: string) => Buffer.alloc(BODY_BYTES, piece)
const inVariables = (rubbish: Buffer) =>
  Buffer.concat([Buffer.from('{"query":"{ __typename }","variables":{"a":'), rubbish]).subarray(0, BODY_BYTES)
const inDataUri = (piece: string) => around(`{"query":"{ __typename }","variables":{"a":"data:`, piece, '"}}')
const DATA_URI = `data:${'A'.repeat(14 * MB)}`

/** 15 MB that are only pieces, but for their beginning and their end. */
function around(start: string, piece: string, end: string): Buffer {
  const count = Math.floor((BODY_BYTES - start.length - end.length) / Buffer.byteLength(piece))
  return Buffer.from(start + piece.repeat(count) + end)
}

function toBody(query: string, variables: object, more: object = {}): Buffer {
  return Buffer.from(JSON.stringify({ query, variables, ...more }))
}

describe('15 MB of rubbish do not block others:', () => {
  test.each<[string, () => Buffer]>([
    ['white space', () => fill(' ')],
    ['brackets', () => fill('[')],
    ['braces', () => fill('{"a":')],
    ['quotes', () => fill('"')],
    ['backslashes', () => fill('\\')],
    ['zeros', () => fill('\0')],
    ['a list', () => inVariables(fill('[{},'))],
    ['names', () => inVariables(fill('{"a":1,"b":'))],
    ['numbers', () => inVariables(fill('1'))],
    ['short data URIs', () => inVariables(fill('["data:",'))],
    ['a data URI of letters', () => inDataUri('A')],
    ['a data URI of slashes, as PHP has them', () => inDataUri('\\/')],
    ['a data URI of escapes', () => inDataUri('\\u0041')],
    ['a data URI of quotes', () => inDataUri('\\"')],
    ['a data URI of line breaks', () => inDataUri('\\n')],
    ['a data URI of NUL characters', () => inDataUri('\\u0000')],
    ['a data URI of lone surrogates', () => inDataUri('\\ud800')],
    ['a data URI of characters', () => inDataUri('漢')],
    ['a data URI with one character at its end', () => toBody('{ __typename }', { a: `${DATA_URI}漢` })],
    ['a data URI that does not end', () => around('{"query":"{ __typename }","variables":{"a":"data:', 'A', '')],
    ['a data URI as the body', () => Buffer.from(JSON.stringify(DATA_URI))],
    ['a data URI as the document', () => toBody(DATA_URI, {})],
    ['a data URI as the variables', () => Buffer.from(JSON.stringify({ query: CANCEL, variables: DATA_URI }))],
    ['a data URI as the name of an operation', () => toBody(CANCEL, { id: 'a' }, { operationName: DATA_URI })],
    ['a data URI as the name of a parameter', () => toBody(CANCEL, { id: 'a' }, { [DATA_URI]: 1 })],
    [
      'a data URI as the name of a field',
      () => toBody(GENERATE, { input: { imageUrl: 'http://a.b/c', [DATA_URI]: 1 } }),
    ],
    ['a data URI as a number', () => toBody(GENERATE, { input: { imageUrl: 'http://a.b/c', seed: DATA_URI } })],
  ])('%s', async (_name, makeBody) => {
    const body = makeBody()
    await expectShortTurns(async () => {
      const { status } = await post(body)
      expect(status === 0 || (status >= 400 && status < 500), `status ${status}`).toBe(true)
    })
  })

  test.each<[string, () => Buffer, string]>([
    ['an id', () => toBody(CANCEL, { id: DATA_URI }), 'JobNotFoundError'],
    ['a variable that is not declared', () => toBody(CANCEL, { id: 'a', b: DATA_URI }), 'JobNotFoundError'],
    ['an extension', () => toBody(CANCEL, { id: 'a' }, { extensions: { a: DATA_URI } }), 'JobNotFoundError'],
    [
      'an idempotency key',
      () => toBody(GENERATE, { input: { imageUrl: 'http://a.b/c', idempotencyKey: DATA_URI } }),
      'InvalidInputError',
    ],
    ['an image that is none', () => toBody(GENERATE, { input: { imageUrl: DATA_URI } }), 'InvalidInputError'],
    [
      'an image in lines',
      () =>
        toBody(GENERATE, {
          input: { imageUrl: `data:image/png;base64,${makeImage().toString('base64').replace(/.{76}/g, '$&\n')}` },
        }),
      'GenerateVideoSuccess',
    ],
    [
      'many of them',
      () => toBody(CANCEL, { id: 'a', b: Array.from({ length: 7_000 }, () => DATA_URI.slice(0, 2_000)) }),
      'JobNotFoundError',
    ],
    [
      'one beside many objects',
      () => toBody(CANCEL, { id: 'a', b: DATA_URI, c: Array.from({ length: 85_000 }, () => ({})) }),
      'JobNotFoundError',
    ],
    [
      // The name that the parser gives it, written so that it is none of its own.
      'one and its name, again and again',
      () =>
        Buffer.from(
          `{"query":"${CANCEL}","variables":{"id":"a","b":"${DATA_URI}","c":[${'"\\u0064ata:0",'.repeat(10_000)}1]}}`,
        ),
      'JobNotFoundError',
    ],
  ])('a data URI as %s', async (_name, makeBody, typename) => {
    const body = makeBody()
    await expectShortTurns(async () => {
      const { text } = await post(body)
      expect(text).toContain(`"__typename":"${typename}"`)
    })
  })
})

/** Where the job's image is, once that is at fal. */
async function readFalUrl(url: string, id: string, falUrl: string): Promise<string | null> {
  const query = 'query($id: ID!) { job(id: $id) { settings { imageUrl } } }'
  const { data } = await request<{ job: { settings: { imageUrl: string } } }>(url, query, { id })
  const { imageUrl } = data.job.settings
  return imageUrl.startsWith(`${falUrl}/`) ? imageUrl : null
}

test.each<[string, string, string]>([
  ['is a file', 'Z', 'boundary'],
  ['is nearly the boundary of its file', '-', `${'-'.repeat(69)}b`],
  ['is nearly a short boundary', 'a', 'aaaaab'],
  ['is nearly the delimiter of its file', '\r\n--boundar', 'boundary'],
])('15 MB of rubbish that %s hold nobody up', async (_name, piece, boundary) => {
  const operations = {
    query: 'mutation($file: File!) { uploadImage(file: $file) { __typename } }',
    variables: { file: null },
  }
  const toPart = (head: string, text: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n${text}`
  const fields = [
    toPart('name="operations"', JSON.stringify(operations)),
    toPart('name="map"', '{"0":["variables.file"]}'),
    toPart('name="0"; filename="a.png"', ''),
  ]
  const body = around(fields.join('\r\n'), piece, `\r\n--${boundary}--\r\n`)
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}`, 'graphql-require-preflight': 'true' }
  await expectShortTurns(async () => {
    const { text } = await post(body, headers)
    expect(text).toContain('"__typename":"InvalidInputError"')
  })
})

describe('an image of 10 MiB does not block others:', () => {
  test('when it is sent, sent again with its key, and brought to fal', { timeout: 60_000 }, async () => {
    const [own, sandbox] = await Promise.all([createTestDatabase(), startTestSandbox()])
    const both = await startServer(own.url, sandbox.url, 'api,worker')
    try {
      let rounds = 0
      await expectShortTurns(async () => {
        const body = makeGenerate({ idempotencyKey: `key ${rounds++}` })
        const [first, second] = [await post(body, JSON_TYPE, both), await post(body, JSON_TYPE, both)]
        expect(second.text).toBe(first.text)
        const { id } = JSON.parse(first.text).data.generateVideo.job
        const imageUrl = await until(() => readFalUrl(both.url, id, sandbox.url), {
          timeoutMs: 20_000,
          what: 'the image to be at fal',
        })
        const uploaded = await (await fetch(imageUrl)).arrayBuffer()
        expect(makeImage().equals(Buffer.from(uploaded))).toBe(true)
      }, both)
    } finally {
      await both.end('SIGTERM')
      await Promise.all([own.drop(), sandbox.stop()])
    }
  })
})

describe(`a process of ${PROCESS_MB} MB`, () => {
  async function sendFifty(send: () => Promise<Awaited<ReturnType<typeof post>>>) {
    const health = watchHealth()
    const answers = await Promise.all(Array.from({ length: 50 }, send))
    const longestMs = await health.stop()
    for (const { status, retryAfter } of answers.filter(({ status }) => status !== 200 && status !== 0))
      expect([status, retryAfter]).toEqual([503, '5'])
    expect(server.process.exitCode).toBe(null)
    expect(await readPeakMb()).toBeLessThan(PROCESS_MB)
    return { answers, longestMs }
  }

  test('survives fifty data URIs at once, and accepts the next one', { timeout: 120_000 }, async () => {
    const body = makeGenerate()
    const { answers, longestMs } = await sendFifty(() => post(body))
    for (const { text } of answers.filter(({ status }) => status === 200))
      expect(text).toContain('"__typename":"GenerateVideoSuccess"')
    // 0.5 s on two processors that fourteen others wanted too.
    expect(longestMs).toBeLessThan(10_000)
    expect(await until(async () => (await post(body)).status === 200, { timeoutMs: 30_000 })).toBe(true)
  })

  test('accepts the next upload while fal is slow with one', async () => {
    const fal = await openRecordingServer()
    fal.script(() => undefined)
    const own = await startServer(database.url, fal.url, 'api')
    const uploads: ReturnType<typeof upload>[] = []
    try {
      for (const count of [1, 2]) {
        uploads.push(upload(own))
        await until(() => fal.requests.filter(({ method }) => method === 'POST').length === count, {
          what: `upload ${count} to be on its way to fal`,
        })
      }
    } finally {
      await fal.close()
      await Promise.all(uploads)
      await own.end('SIGTERM')
    }
    for (const { text } of await Promise.all(uploads)) expect(text).toContain('fal cannot accept')
  })

  test('survives fifty uploads at once, and reads the next one', { timeout: 120_000 }, async () => {
    // fal is unavailable: an upload that was read gets 503 too, with that message.
    const { longestMs } = await sendFifty(() => upload())
    expect(longestMs).toBeLessThan(10_000)
    await until(async () => (await upload()).text.includes('fal cannot accept'), { timeoutMs: 30_000 })
  })
})
