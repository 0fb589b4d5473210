/** The same request through every way in: JSON by POST, the URL, a multipart form, an event stream and a WebSocket. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Message, openGraphQLSocket } from './raw-socket.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable' })
})

afterAll(async () => {
  await rig.close()
})

type Params = Readonly<Record<string, unknown>>

interface Outcome {
  data?: unknown
  errors?: readonly { message: string; extensions?: { code?: string } }[]
}

const PREFLIGHTED = { 'graphql-require-preflight': 'true' }

async function post(params: Params, headers: Record<string, string> = {}): Promise<Response> {
  return await fetch(`${rig.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(params),
  })
}

async function get(params: Params): Promise<Response> {
  const url = new URL(`${rig.url}/graphql`)
  for (const [name, value] of Object.entries(params))
    if (name !== 'operationName' || value !== null)
      url.searchParams.set(name, typeof value === 'string' ? value : JSON.stringify(value))
  return await fetch(url, { headers: PREFLIGHTED })
}

async function sendForm(params: Params): Promise<Response> {
  const form = new FormData()
  form.set('operations', JSON.stringify(params))
  form.set('map', '{}')
  return await fetch(`${rig.url}/graphql`, { method: 'POST', body: form, headers: PREFLIGHTED })
}

async function stream(params: Params): Promise<unknown> {
  const response = await post(params, { accept: 'text/event-stream' })
  return JSON.parse(/^event: next\ndata: (.*)$/m.exec(await response.text())?.[1] ?? 'null')
}

async function overSocket(params: Params): Promise<unknown> {
  const socket = await openGraphQLSocket(rig.url)
  const answerOf = async (id: string): Promise<Message> => await socket.received((message) => message.id === id)
  socket.send({ type: 'subscribe', id: '1', payload: params })
  const { type, payload } = await answerOf('1')
  // Whatever it was, it was the matter of that operation alone.
  socket.send({ type: 'subscribe', id: '2', payload: { query: '{ __typename }' } })
  expect(await answerOf('2')).toMatchObject({ type: 'next' })
  socket.cut()
  return type === 'error' ? { errors: payload } : payload
}

const DOORS: readonly [name: string, send: (params: Params) => Promise<unknown>][] = [
  ['JSON', async (params) => await (await post(params)).json()],
  ['a URL', async (params) => await (await get(params)).json()],
  ['a form', async (params) => await (await sendForm(params)).json()],
  ['an event stream', stream],
  ['a WebSocket', overSocket],
]

/** What a caller can tell apart. */
function toOutcome(answer: unknown): unknown {
  const { data, errors } = answer as Outcome
  if (errors === undefined) return { data }
  return { errors: errors.map(({ message, extensions }) => ({ message, code: extensions?.code })) }
}

const QUERY = 'query One { __typename }'
const TWO = 'query One { one: __typename } query Two { two: __typename }'
const WITH_VARIABLE = 'query ($first: Int = 1) { jobs(first: $first) { totalCount } }'
const counted = { data: { jobs: { totalCount: 0 } } }
const answered = { data: { __typename: 'Query' } }
const unresolved = (message: string) => refused(message, 'OPERATION_RESOLUTION_FAILURE')
const refused = (message: string, code?: string) => ({ errors: [{ message: expect.stringContaining(message), code }] })

describe.each<[what: string, params: Params, outcome: unknown]>([
  ['a query alone', { query: QUERY }, answered],
  ['no operationName', { query: QUERY, operationName: null }, answered],
  ['an empty operationName', { query: QUERY, operationName: '' }, answered],
  ['an empty operationName of an anonymous operation', { query: '{ __typename }', operationName: '' }, answered],
  ['the operationName of one of two', { query: TWO, operationName: 'Two' }, { data: { two: 'Query' } }],
  ['no operationName for two', { query: TWO }, unresolved('The document has 2 operations')],
  ['an empty operationName for two', { query: TWO, operationName: '' }, unresolved('The document has 2 operations')],
  ['an unknown operationName', { query: TWO, operationName: 'Three' }, unresolved('no operation named "Three"')],
  [
    'a name for an anonymous operation',
    { query: '{ __typename }', operationName: 'One' },
    unresolved('no operation named "One"'),
  ],
  ['variables null', { query: WITH_VARIABLE, variables: null }, counted],
  ['variables that are an empty text', { query: WITH_VARIABLE, variables: '' }, counted],
  ['variables that are empty', { query: WITH_VARIABLE, variables: {} }, counted],
  ['extensions null', { query: QUERY, extensions: null }, answered],
  ['extensions that are an empty text', { query: QUERY, extensions: '' }, answered],
  ['extensions that nobody knows', { query: QUERY, extensions: { trace: true } }, answered],
  ['a query and its hash', { query: QUERY, extensions: { persistedQuery: { version: 1, sha256Hash: 'a' } } }, answered],
  [
    'a hash alone',
    { operationName: 'One', variables: {}, extensions: { persistedQuery: { version: 1, sha256Hash: 'a' } } },
    refused('PersistedQueryNotSupported', 'PERSISTED_QUERY_NOT_SUPPORTED'),
  ],
  [
    'a hash and an empty query',
    { query: '', extensions: { persistedQuery: { version: 1, sha256Hash: 'a' } } },
    refused('PersistedQueryNotSupported', 'PERSISTED_QUERY_NOT_SUPPORTED'),
  ],
  ['no query', { operationName: 'One' }, refused('"query" is missing: expected the text', 'BAD_REQUEST')],
  ['an empty query', { query: '' }, refused('"query" is missing: expected the text', 'BAD_REQUEST')],
  ['a query of a comment', { query: '# nothing' }, refused('Syntax Error: Unexpected <EOF>', 'GRAPHQL_PARSE_FAILED')],
  ['a query of spaces', { query: ' \n' }, refused('Syntax Error: Unexpected <EOF>', 'GRAPHQL_PARSE_FAILED')],
  [
    'a document without an operation',
    { query: 'fragment F on Query { __typename }' },
    unresolved('The document has no operation'),
  ],
])('%s', (_what, params, outcome) => {
  test.each(DOORS)('has the same response through %s', async (_door, send) => {
    expect(toOutcome(await send(params))).toEqual(outcome)
  })
})
