import { auditServer } from 'graphql-http'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ListJobsDocument, WatchFeedDocument } from '../../operations/generated/graphql.ts'
import { request } from '../helpers/graphql-client.ts'
import { openGraphQLSocket } from './raw-socket.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable' })
})

afterAll(async () => {
  await rig.close()
})

/** A header that no page of another site can send without asking first. */
const PREFLIGHTED = { 'graphql-require-preflight': 'true' }

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${rig.url}${path}`, { headers, redirect: 'manual' })

test('GraphQL over HTTP: all 61 audits of graphql-http are passed', async () => {
  // Queries by GET need a header here, as the audits allow.
  const fetchFn = (url: string, init: RequestInit = {}) =>
    fetch(url, { ...init, headers: { ...PREFLIGHTED, ...(init.headers as Record<string, string>) } })
  const results = await auditServer({ url: `${rig.url}/graphql`, fetchFn })
  expect(results.filter(({ status }) => status !== 'ok').map(({ name, status }) => `${status}: ${name}`)).toEqual([])
  expect(results).toHaveLength(61)
})

describe('the other routes', () => {
  test.each([
    ['/healthz', 200, { status: 'ok' }],
    ['/readyz', 200, { status: 'ready', warnings: [expect.stringContaining('fal could not be reached')] }],
    ['/nothing', 404, { error: 'No route matches /nothing: the API is at /graphql.' }],
    ['/graphql/', 404, { error: expect.any(String) }],
  ])('%s answers %d', async (path, status, body) => {
    const response = await get(path)
    expect({ status: response.status, body: await response.json() }).toEqual({ status, body })
  })

  test('/ is the studio', async () => {
    const response = await get('/')
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(await response.text()).toContain('<title>Reelay</title>')
  })
})

describe('mutations', () => {
  const MUTATION = 'mutation { cancelJob(id: "a") { ... on UserError { code } } }'

  test('are not run by GET, which any page could make a browser send', async () => {
    const response = await get(`/graphql?query=${encodeURIComponent(MUTATION)}`, PREFLIGHTED)
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
    expect(await response.text()).not.toContain('JOB_NOT_FOUND')
  })

  test('are run by POST, and over a WebSocket', async () => {
    expect(await request(rig.url, MUTATION)).toMatchObject({ data: { cancelJob: { code: 'JOB_NOT_FOUND' } } })
    const socket = await openGraphQLSocket(rig.url)
    socket.send({ type: 'subscribe', id: '1', payload: { query: MUTATION } })
    const message = await socket.received(({ id }) => id === '1')
    socket.cut()
    expect(message.payload).toMatchObject({ data: { cancelJob: { code: 'JOB_NOT_FOUND' } } })
  })
})

describe('introspection', () => {
  const QUERY = '{ __schema { queryType { name } } }'

  test('returns the schema', async () => {
    expect(await request(rig.url, QUERY)).toMatchObject({ data: { __schema: { queryType: { name: 'Query' } } } })
  })

  test('and GraphiQL are off when they are switched off, over every way in', async () => {
    const closed = await openRig({ fal: 'unavailable', config: { introspection: false, graphiql: false } })
    try {
      const page = await fetch(`${closed.url}/graphql`, { headers: { accept: 'text/html' } })
      expect(await page.text()).not.toContain('<script')
      expect(await request(closed.url, '{ __typename }')).toMatchObject({ data: { __typename: 'Query' }, errors: [] })
      const refused = { message: expect.stringContaining('introspection') }
      expect((await request(closed.url, QUERY)).errors).toContainEqual(expect.objectContaining(refused))
      const socket = await openGraphQLSocket(closed.url)
      socket.send({ type: 'subscribe', id: '1', payload: { query: QUERY } })
      const answer = await socket.received(({ id }) => id === '1')
      socket.cut()
      expect(answer).toMatchObject({ type: 'error' })
      expect(answer.payload).toContainEqual(expect.objectContaining(refused))
    } finally {
      await closed.close()
    }
  })
})

test('an unexpected error is masked over HTTP and WebSocket, and the server keeps working', async () => {
  const broken = await openRig({ fal: 'unavailable' })
  const client = new pg.Client({ connectionString: broken.databaseUrl })
  await client.connect()
  const socket = await openGraphQLSocket(broken.url)
  const query = String(ListJobsDocument)
  const masked = {
    message: 'Unexpected error.',
    extensions: { code: 'INTERNAL_SERVER_ERROR', errorId: expect.any(String) },
  }
  try {
    await client.query('ALTER TABLE "Job" RENAME TO "secret_table"')
    const overHttp = await request(broken.url, query)
    socket.send({ type: 'subscribe', id: '1', payload: { query } })
    const overSocket = await socket.received(({ id }) => id === '1')
    expect(overHttp.errors).toEqual([{ ...masked, path: ['jobs'], locations: expect.anything() }])
    expect(overSocket.payload).toMatchObject({ errors: [masked] })
    expect(JSON.stringify([overHttp, overSocket])).not.toMatch(/secret|prisma|postgres|relation|"Job"|\.ts/i)
    // The database responds, although its tables are missing: the process can serve requests.
    expect((await fetch(`${broken.url}/healthz`)).status).toBe(200)

    await client.query('ALTER TABLE "secret_table" RENAME TO "Job"')
    expect((await request(broken.url, query)).errors).toEqual([])
    expect(socket.isOpen).toBe(true)
  } finally {
    socket.cut()
    await client.end()
    await broken.close()
  }
})

test('a server without its database is alive, but not ready', async () => {
  const lost = await openRig({ fal: 'unavailable' })
  const name = new URL(lost.databaseUrl).pathname.slice(1)
  const client = new pg.Client({ connectionString: rig.databaseUrl })
  await client.connect()
  try {
    await client.query(`DROP DATABASE ${name} WITH (FORCE)`)
    const ready = await fetch(`${lost.url}/readyz`)
    expect({ status: ready.status, body: await ready.json() }).toEqual({
      status: 503,
      body: { status: 'not ready', reason: 'the database cannot be reached' },
    })
    expect((await fetch(`${lost.url}/healthz`)).status).toBe(200)
    const { status, errors } = await request(lost.url, ListJobsDocument)
    expect(JSON.stringify(errors)).not.toContain(name)
    expect({ status, errors }).toMatchObject({ errors: [{ extensions: { code: expect.any(String) } }] })
  } finally {
    await client.end()
    await lost.close()
  }
})

test('subscriptions over server-sent events tell caches not to keep them, and proxies not to hold them back', async () => {
  const controller = new AbortController()
  const response = await fetch(`${rig.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query: String(WatchFeedDocument) }),
    signal: controller.signal,
  })
  controller.abort()
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
  expect(response.headers.get('cache-control')).toBe('no-cache, no-transform')
  expect(response.headers.get('x-accel-buffering')).toBe('no')
})
