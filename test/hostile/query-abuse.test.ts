/** Documents that are known to hurt GraphQL servers, over each way that a document can come, in production mode. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createSocketOpener, operation } from '../api/raw-socket.ts'
import { judgeErrors, judgeText } from './oracle.ts'
import { type HostileRig, openHostileRig } from './production-rig.ts'

/** A refusal takes some milliseconds; on a busy machine not more than this. */
const MAX_REFUSAL_MS = 1000

let rig: HostileRig
const { openReady, cutAll } = createSocketOpener(() => rig.url)

beforeAll(async () => {
  rig = await openHostileRig()
}, 60_000)
afterEach(cutAll)
afterAll(() => rig.stop())

const list = (count: number, toText: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => toText(n)).join(' ')
const JOB = 'generateVideo(input: { imageUrl: "https://example.com/x.png" }) { __typename }'

/** All of these are refused before anything runs. */
const REFUSED: [name: string, query: string][] = [
  ['introspection of all types', '{ __schema { types { name } } }'],
  ['introspection of one type', '{ __type(name: "Job") { fields { name } } }'],
  ['introspection in a fragment', '{ ...F } fragment F on Query { __schema { queryType { name } } }'],
  ['circular introspection', `{ __schema { types ${'{ fields { type '.repeat(5)}{ name }${' } }'.repeat(5)} } }`],
  ['an unknown field that resembles a known one', '{ jab { id } }'],
  ['an unknown argument that resembles a known one', '{ job(idd: "x") { id } }'],
  ['an unknown type that resembles a known one', 'query($f: JobFilte) { jobs(filter: $f) { totalCount } }'],
  ['an unknown enum value that resembles a known one', '{ jobs(filter: { status: [SUCCEEDE] }) { totalCount } }'],
  ['101 aliases of __typename', `{ ${list(101, (n) => `a${n}: __typename`)} }`],
  ['31 aliases of a field', `{ ${list(31, (n) => `a${n}: jobs(first: 1) { __typename }`)} }`],
  ['31 aliases in a fragment', `{ ...F } fragment F on Query { ${list(31, (n) => `a${n}: __typename`)} }`],
  ['51 directives', `{ __typename ${'@include(if: true) '.repeat(51)}}`],
  ['50,000 directives', `{ __typename ${'@aa'.repeat(50_000)} }`],
  ['1,001 tokens', `{ ${'__typename '.repeat(1001)}}`],
  ['a document of more than 15,000 characters', `{ __typename }${' '.repeat(15_000)}`],
  ['a comment of more than 15,000 characters', `{ __typename } #${'x'.repeat(15_000)}`],
  ['fields nested 5,000 deep', `${'{a'.repeat(5000)}${'}'.repeat(5000)}`],
  ['fields nested 100,000 deep and never closed', '{a'.repeat(100_000)],
  ['lists nested 5,000 deep', `{ node(id: ${'['.repeat(5000)}${']'.repeat(5000)}) { id } }`],
  ['a fragment that contains itself', '{ ...F } fragment F on Query { ...F }'],
  ['fragments in a circle', '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }'],
  [
    'a fan-out of fragments to 2^20 fields',
    `{ ...F0 } ${list(20, (n) => `fragment F${n} on Query { ...F${n + 1} ...F${n + 1} }`)} fragment F20 on Query { jobs(first: 1) { totalCount } }`,
  ],
  ['the same field 4,000 times', `{ ${'b '.repeat(4000)}}`],
  [
    '60 nested inline fragments in conflict',
    `{ ${list(60, (n) => `... on Query { job(id: "${n}") { id }`)} ${'}'.repeat(61)}`,
  ],
  [
    'a list in a list in a list',
    '{ jobs(first: 100) { edges { node { updates(first: 100) { edges { node { job { updates(first: 100) { edges { node { sequence } } } } } } } } } } }',
  ],
  ['six mutations in one request', `mutation { ${list(6, (n) => `a${n}: cancelJob(id: "x") { __typename }`)} }`],
  ['two jobs in one request', `mutation { a: ${JOB} b: ${JOB} }`],
  [
    'two retries in one request',
    'mutation { a: retryJob(id: "x") { __typename } b: retryJob(id: "x") { __typename } }',
  ],
  ['45 counts of all jobs', `{ ${list(45, (n) => `a${n}: jobs { totalCount }`)} }`],
  ['variables that are declared 1,000 times', `query(${list(1000, (n) => `$v${n}: Int`)}) { __typename }`],
  ['nonsense', 'qwerty'],
  ['nothing', ''],
  ['a NUL', '\u0000'],
  ['a schema', 'type A { b: C }'],
]

interface Answer {
  text: string
  status: number
  ms: number
}

const WAYS: [name: string, send: (query: string) => Promise<Answer>][] = [
  ['HTTP', (query) => post(query, 'application/graphql-response+json')],
  ['server-sent events', (query) => post(query, 'text/event-stream')],
  ['WebSocket', sendOverWebSocket],
]

async function post(query: string, accept: string): Promise<Answer> {
  const since = performance.now()
  const response = await fetch(`${rig.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify({ query }),
  })
  return { text: await response.text(), status: response.status, ms: performance.now() - since }
}

async function sendOverWebSocket(query: string): Promise<Answer> {
  const socket = await openReady()
  const since = performance.now()
  socket.send(operation('1', query))
  const { type, payload } = await socket.received(({ id }) => id === '1')
  const ms = performance.now() - since
  // The socket serves on: one bad document is no reason to lose the others.
  socket.send(operation('2', '{ __typename }'))
  await socket.received(({ id, type: kind }) => id === '2' && kind === 'complete')
  return {
    text: JSON.stringify(type === 'error' ? { errors: payload } : payload),
    status: type === 'error' ? 400 : 200,
    ms,
  }
}

async function countJobs(): Promise<unknown> {
  return JSON.parse((await post('{ jobs(first: 1) { totalCount } }', 'application/json')).text)
}

describe.each(WAYS)('over %s', (_way, send) => {
  test.each(REFUSED)('%s is refused', async (_name, query) => {
    const { text, status, ms } = await send(query)
    const [json] = /\{.*\}/s.exec(text) ?? ['{}']
    const { data, errors } = JSON.parse(json) as { data?: unknown; errors?: unknown[] }
    expect(data ?? null).toBeNull()
    expect(errors?.length).toBeGreaterThan(0)
    expect([...judgeErrors(json), ...judgeText(json, rig.secrets)]).toEqual([])
    expect(text.length).toBeLessThan(10_000)
    expect(status).toBeLessThan(500)
    expect(ms).toBeLessThan(MAX_REFUSAL_MS)
  })

  test('two jobs in one request make none', async () => {
    const before = await countJobs()
    await send(`mutation { a: ${JOB} b: ${JOB} }`)
    expect(await countJobs()).toEqual(before)
  })
})

describe('over HTTP', () => {
  const query = '{ __typename }'
  const mutation = `mutation { ${JOB} }`
  const preflighted = { 'graphql-require-preflight': '1' }
  const form = (text: string) => {
    const data = new FormData()
    data.set('operations', JSON.stringify({ query: text }))
    data.set('map', '{}')
    return data
  }

  test.each<[name: string, init: RequestInit & { search?: string }]>([
    ['a query by GET without a header that needs a preflight', { search: `?query=${encodeURIComponent(query)}` }],
    ['a mutation by GET', { search: `?query=${encodeURIComponent(mutation)}` }],
    ['a mutation by GET with that header', { search: `?query=${encodeURIComponent(mutation)}`, headers: preflighted }],
    ['a form', { method: 'POST', body: new URLSearchParams({ query: mutation }) }],
    [
      'a form with that header',
      { method: 'POST', body: new URLSearchParams({ query: mutation }), headers: preflighted },
    ],
    ['a multipart form without that header', { method: 'POST', body: form(mutation) }],
    [
      'text/plain',
      { method: 'POST', body: JSON.stringify({ query: mutation }), headers: { 'content-type': 'text/plain' } },
    ],
    [
      'text/plain with that header',
      {
        method: 'POST',
        body: JSON.stringify({ query: mutation }),
        headers: { 'content-type': 'text/plain', ...preflighted },
      },
    ],
    ['no type at all', { method: 'POST', body: new Blob([JSON.stringify({ query: mutation })]) }],
    [
      'a batch of ten',
      {
        method: 'POST',
        body: JSON.stringify(Array.from({ length: 10 }, () => ({ query }))),
        headers: { 'content-type': 'application/json' },
      },
    ],
    [
      'PUT',
      { method: 'PUT', body: JSON.stringify({ query: mutation }), headers: { 'content-type': 'application/json' } },
    ],
  ])('%s runs nothing', async (_name, { search = '', ...init }) => {
    const before = await countJobs()
    const response = await fetch(`${rig.url}/graphql${search}`, init)
    const text = await response.text()
    expect(response.status).toBeGreaterThanOrEqual(400)
    expect(response.status).toBeLessThan(500)
    expect(text).not.toContain('"data":{')
    expect([...judgeErrors(text), ...judgeText(text, rig.secrets)]).toEqual([])
    expect(await countJobs()).toEqual(before)
  })

  test('a query by GET with a header that needs a preflight is answered', async () => {
    const response = await fetch(`${rig.url}/graphql?query=${encodeURIComponent(query)}`, { headers: preflighted })
    expect([response.status, await response.json()]).toEqual([200, { data: { __typename: 'Query' } }])
  })

  test('no IDE is served', async () => {
    const response = await fetch(`${rig.url}/graphql`, { headers: { accept: 'text/html' } })
    expect(await response.text()).not.toMatch(/<script|playground/i)
  })

  test.each([
    ['2,000 unknown keys', Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`k${n}`, n]))],
    ['200 kB of text in a number', { fps: 'x'.repeat(200_000) }],
    ['a list of 50,000', { seed: Array.from({ length: 50_000 }, () => 0) }],
    ['__proto__ and constructor', JSON.parse('{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}}}')],
  ])('an input with %s is refused in few words', async (_name, input) => {
    const body = {
      query: 'mutation($input: GenerateVideoInput!) { generateVideo(input: $input) { __typename } }',
      variables: { input: { imageUrl: 'x', ...input } },
    }
    const response = await fetch(`${rig.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    expect((JSON.parse(text) as { errors: unknown[] }).errors.length).toBeGreaterThan(0)
    expect([...judgeErrors(text), ...judgeText(text, rig.secrets)]).toEqual([])
    expect(text.length).toBeLessThan(10_000)
  })

  test.each([0, -1, 101, 1e9])('a page of %d is refused', async (first) => {
    const { text } = await post(`{ jobs(first: ${first}) { edges { cursor } } }`, 'application/json')
    expect(JSON.parse(text)).toMatchObject({ errors: [{ message: expect.any(String) }] })
  })
})
