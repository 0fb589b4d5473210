import { once } from 'node:events'
import { type IncomingMessage, request as requestRaw } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { ListJobsDocument } from '../../operations/generated/graphql.ts'
import { request } from '../helpers/graphql-client.ts'
import { IMAGE_DATA_URI, openRig, type Rig } from './rig.ts'

const EVIL = 'https://evil.example'
const APP = 'https://app.example.com'
const JSON_TYPE = { 'content-type': 'application/json' }
const QUERY = '{ __typename }'
const MUTATION = `mutation { generateVideo(input: { imageUrl: "${IMAGE_DATA_URI}" }) { __typename } }`

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable', config: { allowedOrigins: [APP, 'tauri://localhost'] } })
})

afterAll(async () => {
  await rig.close()
})

const send = (origin: string | null, { headers = {}, ...init }: RequestInit & { headers?: Record<string, string> }) =>
  fetch(`${rig.url}/graphql`, { ...init, headers: { ...headers, ...(origin !== null && { origin }) } })

const countJobs = async () => (await request(rig.url, ListJobsDocument)).data.jobs.edges.length

function multipart(): FormData {
  const form = new FormData()
  form.set('operations', JSON.stringify({ query: MUTATION, variables: {} }))
  form.set('map', '{}')
  return form
}

/** All that a page can make a browser send without asking first, and JSON. */
const POSTS: [string, () => RequestInit & { headers?: Record<string, string> }][] = [
  ['a form', () => ({ body: new URLSearchParams({ query: MUTATION }) })],
  ['a multipart form', () => ({ body: multipart() })],
  ['JSON', () => ({ body: JSON.stringify({ query: MUTATION }), headers: JSON_TYPE })],
  ['a plain document', () => ({ body: MUTATION, headers: { 'content-type': 'application/graphql' } })],
]

const corsHeaders = (response: Response) =>
  [...response.headers.keys()].filter((name) => name.startsWith('access-control-'))

async function expectForbidden(response: Response) {
  expect(response.status).toBe(403)
  expect(corsHeaders(response)).toEqual([])
  expect(await response.json()).toEqual({
    errors: [{ message: expect.stringContaining('ALLOWED_ORIGINS'), extensions: { code: 'FORBIDDEN_ORIGIN' } }],
  })
}

test('an app of a listed origin with a scheme of its own is served, and its preflight too', async () => {
  const origin = 'tauri://localhost'
  const answer = await send(origin, { method: 'POST', body: JSON.stringify({ query: QUERY }), headers: JSON_TYPE })
  expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, origin])
  const preflight = await send(origin, { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST' } })
  expect(preflight.headers.get('access-control-allow-origin')).toBe(origin)
  const socket = new WebSocket(`${rig.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { origin })
  await once(socket, 'open')
  socket.terminate()
})

describe('a page of a foreign origin', () => {
  test.each(POSTS)('starts no job by %s', async (_name, toInit) => {
    const before = await countJobs()
    await expectForbidden(await send(EVIL, { method: 'POST', ...toInit() }))
    await expectForbidden(await send('null', { method: 'POST', ...toInit() }))
    expect(await countJobs()).toBe(before)
  })

  test('reads nothing by GET, and gets no event stream', async () => {
    const init = { headers: { accept: 'text/event-stream' } }
    const query = `?query=${encodeURIComponent(QUERY)}`
    for (const headers of [{}, init.headers])
      await expectForbidden(await fetch(`${rig.url}/graphql${query}`, { headers: { ...headers, origin: EVIL } }))
  })

  test('is refused when its browser asks first', async () => {
    const headers = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' }
    await expectForbidden(await send(EVIL, { method: 'OPTIONS', headers }))
  })

  test('is refused under a name that it has pointed at this machine', async () => {
    const host = `evil.example:${new URL(rig.url).port}`
    const sent = requestRaw(`${rig.url}/graphql`, {
      method: 'POST',
      headers: { host, origin: `http://${host}`, 'content-type': 'application/json' },
    })
    sent.end(JSON.stringify({ query: QUERY }))
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    response.resume()
    expect(response.statusCode).toBe(421)
  })

  test.each([EVIL, 'null', 'https://localhost.evil.example', 'http://127.0.0.1.evil.example'])(
    'opens no WebSocket: %s',
    async (origin) => {
      expect(await openSocket({ origin })).toBe(403)
    },
  )

  test('opens no WebSocket under a name that it has pointed at this machine', async () => {
    expect(await openSocket({ origin: 'http://evil.example', headers: { host: 'evil.example' } })).toBe(421)
  })
})

describe.each([
  ['an allowed origin', () => APP],
  ['the server itself', () => rig.url],
  ['a front end under development', () => 'http://localhost:5173'],
])('a page of %s', (_name, toOrigin) => {
  test('starts a job, and may read the answer', async () => {
    const before = await countJobs()
    const [, toInit] = POSTS.find(([name]) => name === 'JSON') ?? []
    const response = await send(toOrigin(), { method: 'POST', ...toInit?.() })
    expect(await response.json()).toEqual({ data: { generateVideo: { __typename: 'GenerateVideoSuccess' } } })
    expect(response.headers.get('access-control-allow-origin')).toBe(toOrigin())
    expect(response.headers.get('access-control-allow-credentials')).toBeNull()
    expect(response.headers.get('vary')).toContain('Origin')
    expect(await countJobs()).toBe(before + 1)
  })

  test('may send what its browser asks for first', async () => {
    const headers = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' }
    const response = await send(toOrigin(), { method: 'OPTIONS', headers })
    expect(response.status).toBe(204)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': toOrigin(),
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'content-type',
    })
  })

  test('opens a WebSocket', async () => {
    expect(await openSocket({ origin: toOrigin() })).toBe(101)
  })
})

test('the multipart form that is refused from elsewhere is one that the server runs', async () => {
  const headers = { 'graphql-require-preflight': 'true' }
  const answer = await (await send(APP, { method: 'POST', body: multipart(), headers })).json()
  expect(answer).toEqual({ data: { generateVideo: { __typename: 'GenerateVideoSuccess' } } })
})

test('what is no page sends no Origin, and is served as ever without CORS headers', async () => {
  const response = await send(null, { method: 'POST', body: JSON.stringify({ query: QUERY }), headers: JSON_TYPE })
  expect(await response.json()).toEqual({ data: { __typename: 'Query' } })
  expect(corsHeaders(response)).toEqual([])
  expect(await openSocket({})).toBe(101)
})

/** Asks for a socket and answers with the status: 101 when it opens. */
async function openSocket(options: { origin?: string; headers?: Record<string, string> }): Promise<number | undefined> {
  const socket = new WebSocket(`${rig.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', options)
  // Closing a refused socket emits an error.
  socket.on('error', () => {})
  try {
    return await new Promise((resolve) => {
      socket.once('open', () => resolve(101))
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode))
    })
  } finally {
    socket.terminate()
  }
}
