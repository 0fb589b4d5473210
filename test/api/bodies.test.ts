import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GraphQLResponse } from '../helpers/graphql-client.ts'
import { openRig, type Rig } from './rig.ts'

const MAX_BODY_BYTES = 15 * 1024 * 1024
const GENERATE = `mutation($input: GenerateVideoInput!) {
  generateVideo(input: $input) { __typename ... on InvalidInputError { issues { code } } }
}`
const JSON_TYPE = { 'content-type': 'application/json', accept: 'application/graphql-response+json' }

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable' })
})

afterAll(async () => {
  await rig.close()
})

async function post(body: BodyInit, headers: Record<string, string> = JSON_TYPE) {
  const response = await fetch(`${rig.url}/graphql`, { method: 'POST', body, headers, duplex: 'half' } as RequestInit)
  const text = await response.text()
  const { data, errors } = JSON.parse(text || '{}') as Partial<GraphQLResponse<unknown>>
  return { status: response.status, codes: errors?.map(({ extensions }) => extensions?.code), data, errors }
}

describe('a body of more than 15 MiB', () => {
  test('is refused with a code before it is read', async () => {
    expect(await post(new Uint8Array(MAX_BODY_BYTES + 1))).toMatchObject({
      status: 413,
      errors: [
        { message: expect.stringContaining(`${MAX_BODY_BYTES} bytes`), extensions: { code: 'PAYLOAD_TOO_LARGE' } },
      ],
    })
  })

  test('is refused without a Content-Length too', async () => {
    const chunk = new Uint8Array(1024 * 1024).fill(32)
    let left = 17
    const body = new ReadableStream({
      pull: (controller) => (left-- > 0 ? controller.enqueue(chunk) : controller.close()),
    })
    expect(await post(body)).toMatchObject({ status: 413, codes: ['PAYLOAD_TOO_LARGE'] })
  })

  test('does no harm to the next request', async () => {
    expect(await post('{"query":"{ __typename }"}')).toEqual({ status: 200, data: { __typename: 'Query' } })
  })
})

test('a body of 15 MiB with an image is read', async () => {
  const json = (imageUrl: string) => JSON.stringify({ query: GENERATE, variables: { input: { imageUrl } } })
  const imageUrl = 'data:image/png;base64,'.padEnd(MAX_BODY_BYTES - json('').length, 'A')
  const { status, data } = await post(json(imageUrl))
  expect({ status, data }).toEqual({
    status: 200,
    data: { generateVideo: { __typename: 'InvalidInputError', issues: [{ code: 'TOO_LARGE' }] } },
  })
})

describe('a body of more than 256 KiB without an image', () => {
  const query = '{"query":"{ __typename }"'
  test.each<[string, string]>([
    ['white space', `${query}${' '.repeat(300_000)}}`],
    ['a long document', JSON.stringify({ query: `{ __typename } #${'a'.repeat(300_000)}` })],
    ['a data URI in the document', JSON.stringify({ query: `{ job(id: "data:,${'a'.repeat(300_000)}") { id } }` })],
    ['many short data URIs', `${query},"variables":{"a":[${Array(60_000).fill('"data:"')}]}}`],
    ['a query with a data URI', `${query},"variables":{"a":"data:${'a'.repeat(300_000)}"}}`],
  ])('is refused: %s', async (_name, body) => {
    expect(await post(body)).toMatchObject({ status: 413, codes: ['PAYLOAD_TOO_LARGE'] })
  })

  test('but no smaller one is', async () => {
    expect(await post(`${query}${' '.repeat(200_000)}}`)).toMatchObject({ status: 200 })
  })
})

test('a subscription may have 32 KiB, since the server keeps it', async () => {
  const body = { query: 'subscription { jobFeed { __typename } }', variables: { text: 'a'.repeat(40_000) } }
  expect(await post(JSON.stringify(body))).toMatchObject({ status: 413, codes: ['PAYLOAD_TOO_LARGE'] })
})

test.each(['gzip', 'br', 'gzip, identity', 'zstd'])(
  'a body with the Content-Encoding %s is refused',
  async (encoding) => {
    const headers = { ...JSON_TYPE, 'content-encoding': encoding }
    expect(await post('{"query":"{ __typename }"}', headers)).toMatchObject({
      status: 415,
      codes: ['UNSUPPORTED_MEDIA_TYPE'],
    })
  },
)

const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)

test.each<[string, BodyInit, Record<string, string>]>([
  ['no JSON', 'nonsense', JSON_TYPE],
  ['cut JSON', '{"query":', JSON_TYPE],
  ['nothing', '', JSON_TYPE],
  ['null', 'null', JSON_TYPE],
  ['a text', '"{ __typename }"', JSON_TYPE],
  ['a list, which would be a batch', '[{"query":"{ __typename }"},{"query":"{ __typename }"}]', JSON_TYPE],
  ['no query', '{}', JSON_TYPE],
  ['a query that is no text', '{"query":{"a":1}}', JSON_TYPE],
  ['variables that are a list', '{"query":"{ __typename }","variables":[]}', JSON_TYPE],
  ['variables that are a text', '{"query":"{ __typename }","variables":"a"}', JSON_TYPE],
  ['an unknown operationName', '{"query":"query A { __typename }","operationName":"B"}', JSON_TYPE],
  ['a syntax error', '{"query":"{"}', JSON_TYPE],
  ['an unknown field', '{"query":"{ __typenam }"}', JSON_TYPE],
  ['a query nested 100,000 deep', JSON.stringify({ query: '{a'.repeat(1e5) }), JSON_TYPE],
  ['a literal nested 100,000 deep', JSON.stringify({ query: `{ node(id: ${deep(1e5)}) { id } }` }), JSON_TYPE],
  [
    'variables nested 100,000 deep',
    `{"query":"query($id: ID!) { node(id: $id) { id } }","variables":{"id":${deep(1e5)}}}`,
    JSON_TYPE,
  ],
  ['invalid UTF-8', new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]), JSON_TYPE],
  ['JSON that says it is text', '{"query":"{ __typename }"}', { 'content-type': 'text/plain' }],
  ['JSON that says it is XML', '{"query":"{ __typename }"}', { 'content-type': 'application/xml' }],
  [
    'a form that is none',
    'garbage',
    { 'content-type': 'multipart/form-data; boundary=x', 'graphql-require-preflight': 'true' },
  ],
  [
    'a form without a boundary',
    'garbage',
    { 'content-type': 'multipart/form-data', 'graphql-require-preflight': 'true' },
  ],
])('%s is refused with a status of the caller, and without an error of the server', async (_name, body, headers) => {
  const { status, codes = [] } = await post(body, headers)
  expect(status).toBeGreaterThanOrEqual(400)
  expect(status).toBeLessThan(500)
  expect(codes).not.toContain('INTERNAL_SERVER_ERROR')
})

test.each<[string, Record<string, string>]>([
  ['a map that is no JSON', { operations: '{"query":"{ __typename }"}', map: '{' }],
  ['operations that are no JSON', { operations: '{', map: '{}' }],
  ['no operations', { map: '{}' }],
])('a multipart request with %s is refused with a code', async (_name, fields) => {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  const headers = { accept: 'application/graphql-response+json', 'graphql-require-preflight': 'true' }
  expect(await post(form, headers)).toMatchObject({
    status: 400,
    codes: ['BAD_REQUEST'],
  })
})
