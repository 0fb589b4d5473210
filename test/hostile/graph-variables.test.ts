import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRig, type Rig } from '../api/rig.ts'
import { measureCpuMs } from '../helpers/cpu.ts'
import { type Answer, BODY_TRANSPORTS, type Send, type Sent, TRANSPORTS } from './graph-transports.ts'

/** Some 30 are used, most of them by the JSON; the first requests of a process use more. */
const MAX_CPU_MS = 2000

/** About as much as is read of an operation without an image. */
const BYTES = 200_000

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable', config: { production: true } })
})

afterAll(async () => {
  await rig.close()
})

const GENERATE = `mutation($input: GenerateVideoInput!) {
  generateVideo(input: $input) { __typename ... on InvalidInputError { message issues { message } } } }`
const NODES = 'query($ids: [ID!]!) { nodes(ids: $ids) { id } }'
const NODE = 'query($id: ID!) { node(id: $id) { id } }'
const NODE_30 = `query($id: ID!) { ${Array.from({ length: 30 }, (_, i) => `a${i}: node(id: $id) { id }`).join(' ')} }`
const LIST = 'query($filter: JobFilter) { jobs(filter: $filter) { edges { cursor } } }'
const PAGE = 'query($after: String) { jobs(after: $after) { edges { cursor } } }'

const keys = (bytes: number) => Object.fromEntries(Array.from({ length: bytes / 12 }, (_, i) => [`k${i}`, i]))
const input = (fields: Record<string, unknown>) => ({ input: { imageUrl: 'https://example.com/a.png', ...fields } })

const RUBBISH: [string, string, (bytes: number) => Record<string, unknown>][] = [
  ['an input of unknown fields', GENERATE, (bytes) => ({ input: keys(bytes) })],
  ['an input of unknown fields with long names', GENERATE, (bytes) => ({ input: { ['k'.repeat(bytes)]: 1 } })],
  ['unknown fields that are long', GENERATE, (bytes) => input({ a: 'x'.repeat(bytes), b: [keys(100)] })],
  ['a text as the input', GENERATE, (bytes) => ({ input: 'x'.repeat(bytes) })],
  ['a list as the input', GENERATE, (bytes) => ({ input: [keys(bytes)] })],
  ['a text as seed', GENERATE, (bytes) => input({ seed: `data:image/png;base64,${'A'.repeat(bytes)}` })],
  ['a text as fps', GENERATE, (bytes) => input({ fps: 'x'.repeat(bytes) })],
  ['an object as fps', GENERATE, (bytes) => input({ fps: keys(bytes) })],
  ['a list as condAug', GENERATE, (bytes) => input({ condAug: Array(bytes / 2).fill(1) })],
  ['an object as imageUrl', GENERATE, (bytes) => ({ input: { imageUrl: keys(bytes) } })],
  ['a text as a file', 'mutation($f: File!) { uploadImage(file: $f) { __typename } }', (n) => ({ f: 'x'.repeat(n) })],
  ['an object as an id', NODE, (bytes) => ({ id: keys(bytes) })],
  ['a list of nulls as ids', NODES, (bytes) => ({ ids: Array(bytes / 5).fill(null) })],
  ['1,000 objects as ids', NODES, (bytes) => ({ ids: Array(1000).fill({ a: 'x'.repeat(bytes / 1200) }) })],
  ['unknown enum values', LIST, (bytes) => ({ filter: { status: Array(bytes / 10).fill('RUNNINGG') } })],
  ['a long enum value', LIST, (bytes) => ({ filter: { status: 'R'.repeat(bytes) } })],
  ['a long DateTime', LIST, (bytes) => ({ filter: { createdAfter: `2026-01-31T12:00:00.${'0'.repeat(bytes)}Z` } })],
]

/** What fits the types, and not the rules. */
const UNFIT: [string, string, (bytes: number) => Record<string, unknown>][] = [
  ['a long id', NODE, (bytes) => ({ id: 'x'.repeat(bytes) })],
  ['a long id 30 times', NODE_30, (bytes) => ({ id: 'x'.repeat(bytes) })],
  ['101 long ids', NODES, (bytes) => ({ ids: Array(101).fill('x'.repeat(bytes / 110)) })],
  ['a long cursor', PAGE, (bytes) => ({ after: 'x'.repeat(bytes) })],
]

const BAD_SETTINGS: [string, (bytes: number) => Record<string, unknown>][] = [
  ['a long URL', (bytes) => ({ imageUrl: `https://${'x'.repeat(bytes)}` })],
  ['a long data URI', (bytes) => ({ imageUrl: `data:image/png;base64,${'A'.repeat(bytes)}!` })],
  ['a long idempotencyKey', (bytes) => ({ idempotencyKey: 'x'.repeat(bytes) })],
]

async function sendRubbish(send: Send, sent: Sent): Promise<Answer> {
  const { result, cpuMs } = await measureCpuMs(() => send(rig.url, sent))
  const { text, errors } = result
  expect(cpuMs).toBeLessThan(MAX_CPU_MS)
  expect(errors.length).toBeLessThanOrEqual(10)
  for (const { message } of errors) {
    expect(message.length).toBeLessThanOrEqual(500)
    expect(message).not.toBe('Unexpected error.')
  }
  expect(text.length).toBeLessThan(6000)
  expect(text).not.toMatch(/x{60}|A{60}|k{60}|R{60}/)
  return result
}

describe.each(Object.entries(BODY_TRANSPORTS))('over %s errors do not repeat the input:', (_name, send) => {
  test.each(RUBBISH)('%s', async (_what, query, write) => {
    const answer = await sendRubbish(send, { query, variables: write(BYTES) })
    expect(answer.errors).toContainEqual(expect.objectContaining({ extensions: { code: 'BAD_REQUEST' } }))
    expect(answer.data).toBeUndefined()
  })

  test.each(UNFIT)('%s', async (_what, query, write) => {
    const answer = await sendRubbish(send, { query, variables: write(BYTES) })
    expect(answer.errors).toContainEqual(
      expect.objectContaining({ extensions: expect.objectContaining({ code: 'BAD_USER_INPUT' }) }),
    )
  })

  test.each(BAD_SETTINGS)('%s', async (_what, write) => {
    const answer = await sendRubbish(send, { query: GENERATE, variables: input(write(BYTES)) })
    expect(answer.data).toMatchObject({ generateVideo: { __typename: 'InvalidInputError' } })
  })
})

describe('the error says which rule is broken, and where:', () => {
  test.each<[string, string, Record<string, unknown>, string]>([
    ['unknown field', GENERATE, input({ prompt: 'a rocket' }), 'not to include unknown field "prompt", found: {…}.'],
    ['missing field', GENERATE, { input: {} }, 'to include required field "imageUrl", found: {…}.'],
    ['null', GENERATE, { input: null }, 'non-null type "GenerateVideoInput!"'],
    ['no value', GENERATE, {}, 'non-null type "GenerateVideoInput!"'],
    ['text for a number', GENERATE, input({ fps: 'many' }), '.fps: Int cannot represent non-integer value: "many"'],
    ['object for a text', GENERATE, input({ idempotencyKey: {} }), '.idempotencyKey: String cannot represent'],
    ['item of a list', NODES, { ids: ['a', {}] }, 'at [1]: ID cannot represent value: …'],
    ['too many items', NODES, { ids: Array(1001).fill('a') }, 'has 1001 items: at most 1000 are allowed.'],
    ['no object', LIST, { filter: 7 }, 'Expected value of type "JobFilter" to be an object, found: 7.'],
  ])('%s', async (_what, query, variables, message) => {
    const { errors } = await TRANSPORTS.POST(rig.url, { query, variables })
    expect(errors).toMatchObject([{ message: expect.stringContaining(message), extensions: { code: 'BAD_REQUEST' } }])
  })
})

describe.each(Object.entries(TRANSPORTS))('over %s valid variables are accepted:', (_name, send) => {
  test.each<[string, string, Record<string, unknown>]>([
    ['100 ids', NODES, { ids: Array(100).fill('Sm9iOmFhYWFhYWFhLWFhYWEtYWFhYS1hYWFhLWFhYWFhYWFhYWFhYQ') }],
    ['one id for a list', NODES, { ids: 'Sm9iOmFhYWFhYWFhLWFhYWEtYWFhYS1hYWFhLWFhYWFhYWFhYWFhYQ' }],
    ['a filter', LIST, { filter: { status: ['RUNNING', 'QUEUED'], createdAfter: '2026-01-31T12:00:00.123+01:00' } }],
    ['a filter that is null', LIST, { filter: null }],
    ['variables that the operation does not have', LIST, { other: { a: 'x'.repeat(1000) }, constructor: 1 }],
  ])('%s', async (_what, query, variables) => {
    expect(await send(rig.url, { query, variables })).toMatchObject({ errors: [], data: expect.anything() })
  })
})

test.each([
  ['variables', '{"__proto__":{"input":{"imageUrl":"https://example.com/a.png"}},"constructor":{"input":1}}'],
  ['an input', '{"input":{"__proto__":{"imageUrl":"https://example.com/a.png"},"constructor":{"prototype":1}}}'],
  ['a value', '{"input":{"imageUrl":{"__proto__":{"polluted":true}},"fps":{"toString":1,"toJSON":"x"}}}'],
])('__proto__ and its kin are names like others in %s, and pollute nothing', async (_what, json) => {
  for (const send of Object.values(BODY_TRANSPORTS)) {
    const { errors } = await send(rig.url, { query: GENERATE, variables: JSON.parse(json) as Record<string, unknown> })
    expect(errors.length).toBeGreaterThan(0)
    for (const { extensions } of errors) expect(extensions?.code).toBe('BAD_REQUEST')
  }
  expect(Object.keys(Object.prototype)).toEqual([])
})

describe('what is wrong around the operation is not repeated:', () => {
  const long = 'x'.repeat(BYTES)

  test.each<[string, string]>([
    ['a long operationName', JSON.stringify({ query: 'query A { __typename }', operationName: long })],
    ['a long extra key', JSON.stringify({ query: '{ __typename }', [long]: 1 })],
    ['no JSON', `{"query":"{ __typename }", secret ${long}`],
    ['a long query', JSON.stringify({ query: long })],
    ['a batch', JSON.stringify(Array(1000).fill({ query: '{ __typename }' }))],
  ])('%s', async (_what, body) => {
    const headers = { 'content-type': 'application/json', accept: 'application/graphql-response+json' }
    const response = await fetch(`${rig.url}/graphql`, { method: 'POST', headers, body })
    const text = await response.text()
    expect(response.status).toBe(400)
    expect(text.length).toBeLessThan(1000)
    expect(text).not.toContain('secret')
    expect(text).not.toContain('originalError')
  })

  test('a long origin, and a long path', async () => {
    const tail = 'x'.repeat(8000)
    const foreign = await fetch(`${rig.url}/graphql`, { method: 'POST', headers: { origin: `https://${tail}` } })
    const nothing = await fetch(`${rig.url}/${tail}`)
    expect([foreign.status, nothing.status]).toEqual([403, 404])
    for (const response of [foreign, nothing]) expect((await response.text()).length).toBeLessThan(400)
  })

  test('long extensions are none of the operation', async () => {
    const answer = await fetch(`${rig.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ __typename }', extensions: { a: long, __proto__: { b: 1 } } }),
    })
    expect(await answer.json()).toEqual({ data: { __typename: 'Query' } })
  })
})
