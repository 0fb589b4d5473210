/** The adapter sends the requests that were recorded from the published client library. */

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createFal } from '../../../src/adapters/fal/client.ts'
import type { Fal } from '../../../src/adapters/fal/types.ts'
import { openRecordingServer, type RecordingServer } from '../../helpers/recording-server.ts'

interface Recording {
  requests: { method: string; url: string; headers: Record<string, string>; body: string }[]
}

const transcript = JSON.parse(readFileSync(new URL('../../fixtures/fal-transcript.json', import.meta.url), 'utf8')) as {
  sessions: Record<string, Record<string, Recording>>
}
const session = Object.entries(transcript.sessions).find(([name]) => name.startsWith('serverless-client 0.15.0'))?.[1]

const MODEL = 'fal-ai/stable-video'
const REQUEST_ID = '00000000-0000-4000-8000-000000000001'
const KEY = 'k-id:k-secret'
const RECORDED_HEADERS = ['authorization', 'accept', 'content-type', 'content-length', 'user-agent']

let server: RecordingServer
let fal: Fal

beforeAll(async () => {
  server = await openRecordingServer()
  fal = createFal({
    queueUrl: `${server.url}/queue`,
    restUrl: `${server.url}/rest/`,
    mediaHosts: ['*.fal.media'],
    key: KEY,
  })
})
beforeEach(() => server.requests.splice(0))
afterAll(() => server.close())

function recorded(name: string) {
  const requests = session?.[name]?.requests
  if (requests === undefined) throw new Error(`The transcript has no recording of ${name}`)
  return requests
}

/** The received requests in the transcript's format, with the headers that it kept. */
function sent() {
  return server.requests.map(({ method, url, headers, body }) => ({
    method,
    url,
    headers: Object.fromEntries(
      RECORDED_HEADERS.filter((name) => name in headers).map((name) => [name, headers[name]]),
    ),
    body: body.toString(),
  }))
}

test('a submit with a webhook is sent as recorded, and its ID and position are read', async () => {
  server.script({ json: { status: 'IN_QUEUE', request_id: REQUEST_ID, queue_position: 3 } })
  const submitted = await fal.submit(
    MODEL,
    { image_url: 'https://example.com/a.png', motion_bucket_id: 127, fps: 25 },
    { webhookUrl: 'https://app.test/hook?job=1&t=a b' },
  )
  expect(sent()).toEqual(recorded('queue.submit'))
  expect(submitted).toEqual({ requestId: REQUEST_ID, position: 3 })
})

test('a status is requested with logs as recorded', async () => {
  server.script({ status: 202, json: { status: 'IN_QUEUE', queue_position: 2 } })
  expect(await fal.status(MODEL, REQUEST_ID)).toEqual({ state: 'IN_QUEUE', position: 2, logs: [] })
  expect(sent()).toEqual(recorded('queue.status logs:true'))
})

test('a result is requested as recorded, and returned unchanged', async () => {
  const output = { video: { url: 'https://v3.fal.media/files/sandbox/out.mp4' }, seed: 42, 'un-known': [null] }
  server.script({ json: output })
  expect(await fal.result(MODEL, REQUEST_ID)).toEqual(output)
  expect(sent()).toEqual(recorded('queue.result'))
})

test('a cancel is sent as recorded', async () => {
  server.script({ status: 202, json: { status: 'CANCELLATION_REQUESTED' } })
  expect(await fal.cancel(MODEL, REQUEST_ID)).toBe('REQUESTED')
  expect(sent()).toEqual(recorded('queue.cancel (completed -> 400)'))
})

test('a model with a sub-path or a namespace is polled under the path of its app', async () => {
  server.script({ json: { status: 'IN_PROGRESS' } })
  await fal.status('fal-ai/fast-svd/text-to-video', REQUEST_ID)
  await fal.status('workflows/me/flow', REQUEST_ID)
  // The transcript polls the ID "nope" without logs; the adapter accepts real IDs and requests logs.
  const expected = [...recorded('status of a sub-path id'), ...recorded('status of namespaced id')]
  expect(sent().map(({ url }) => url)).toEqual(
    expected.map(({ url }) => url.replace('nope', REQUEST_ID).replace('logs=0', 'logs=1')),
  )
})

test('an upload is sent as recorded, but names the current storage and sends no key with the bytes', async () => {
  const [initiate, put] = recorded('storage.upload File')
  const bytes = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a])
  server.script(({ method }) =>
    method === 'POST'
      ? { json: { upload_url: `${server.url}${put?.url}`, file_url: 'https://v3.fal.media/files/sandbox/4.png' } }
      : { body: '' },
  )
  const url = await fal.upload(new File([bytes], 'cat photo.png', { type: 'image/png' }))
  expect(url).toBe('https://v3.fal.media/files/sandbox/4.png')
  const [sentInitiate, sentPut] = sent()
  // Version 0.15.0 names no storage type, which selects a storage that fal has retired (protocol.md 1.3).
  expect(sentInitiate).toEqual({ ...initiate, url: `${initiate?.url}?storage_type=fal-cdn-v3` })
  expect({ ...sentPut, body: '<png bytes>' }).toEqual(put)
  expect(server.requests[1]?.body).toEqual(bytes)
  expect(server.requests[1]?.headers).not.toHaveProperty('authorization')
  expect(server.requests).toHaveLength(2)
})

test('a Blob is uploaded under the given name, or under one with its type as the extension', async () => {
  server.script(({ method }) =>
    method === 'POST' ? { json: { upload_url: `${server.url}/put`, file_url: `${server.url}/files/1.png` } } : {},
  )
  const blob = new Blob(['x'], { type: 'image/png' })
  await fal.upload(blob, { fileName: 'given.png' })
  await fal.upload(blob)
  const bodies = server.requests
    .filter(({ method }) => method === 'POST')
    .map(({ body }) => JSON.parse(body.toString()))
  expect(bodies[0]).toEqual({ content_type: 'image/png', file_name: 'given.png' })
  expect(bodies[1]).toEqual({ content_type: 'image/png', file_name: expect.stringMatching(/^\d+\.png$/) })
})

test('without a key no authorization is sent, the environment is ignored, and nothing is printed', async () => {
  vi.stubEnv('FAL_KEY', 'from-the-environment')
  const info = vi.spyOn(console, 'info')
  server.script({ json: { status: 'IN_PROGRESS' } })
  const keyless = createFal({ queueUrl: server.url, restUrl: server.url, mediaHosts: [] })
  await keyless.status(MODEL, REQUEST_ID)
  expect(server.requests[0]?.headers).not.toHaveProperty('authorization')
  expect(info).not.toHaveBeenCalled()
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

test('2,000 calls of two adapters, 20 at a time, each reach their own server with their own key', async () => {
  const other = await openRecordingServer()
  const otherFal = createFal({ queueUrl: other.url, restUrl: other.url, mediaHosts: [], key: 'other-key' })
  server.script({ json: { status: 'IN_QUEUE', queue_position: 1 } })
  other.script({ json: { status: 'IN_QUEUE', queue_position: 2 } })
  const runs = Array.from({ length: 20 }, async (_, lane) => {
    const [adapter, position] = lane % 2 === 0 ? [fal, 1] : [otherFal, 2]
    for (let turn = 0; turn < 100; turn++) {
      const options = turn % 2 === 0 ? {} : { key: `lane-${lane}` }
      expect(await adapter.status(MODEL, `lane-${lane}-turn-${turn}`, options)).toMatchObject({ position })
    }
  })
  await Promise.all(runs)
  const expectedKey = (url: string, own: string) => {
    const [, lane, turn] = /lane-(\d+)-turn-(\d+)/.exec(url) ?? []
    return Number(turn) % 2 === 0 ? `Key ${own}` : `Key lane-${lane}`
  }
  for (const [at, own] of [
    [server, KEY],
    [other, 'other-key'],
  ] as const) {
    expect(at.requests).toHaveLength(1000)
    expect(at.requests.filter(({ url, headers }) => headers.authorization !== expectedKey(url, own))).toEqual([])
  }
  await other.close()
})
