import { afterAll, beforeAll, expect, test } from 'vitest'
import { sendRaw } from '../helpers/raw-http.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable' })
})

afterAll(async () => {
  await rig.close()
})

const QUERY = '{"query":"{ __typename }"}'
const post = (...headers: string[]) =>
  ['POST /graphql HTTP/1.1', 'Host: localhost', `Content-Length: ${QUERY.length}`, ...headers, '', QUERY].join('\r\n')
const JSON_TYPE = 'Content-Type: application/json'
const upgrade = (path: string, ...headers: string[]) =>
  [
    `GET ${path} HTTP/1.1`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
    '',
    '',
  ].join('\r\n')

test.each<[what: string, status: number, code: string, words: string, request: string]>([
  ['an Accept that nothing fits', 406, 'NOT_ACCEPTABLE', 'application/json', post(JSON_TYPE, 'Accept: text/csv')],
  ['no Content-Type', 415, 'UNSUPPORTED_MEDIA_TYPE', 'application/json', post()],
  ['another Content-Type', 415, 'UNSUPPORTED_MEDIA_TYPE', 'application/json', post('Content-Type: text/plain')],
  ['gzip', 415, 'UNSUPPORTED_MEDIA_TYPE', 'Compressed', post(JSON_TYPE, 'Content-Encoding: gzip')],
  [
    'variables in the URL that are not valid JSON',
    400,
    'BAD_REQUEST',
    'not valid JSON',
    'GET /graphql?query=x&variables=%7B HTTP/1.1\r\nHost: localhost\r\n\r\n',
  ],
  ['another method', 405, 'BAD_REQUEST', 'GET and POST', post(JSON_TYPE).replace('POST', 'PUT')],
  ['no Host', 400, 'BAD_REQUEST', 'one Host header', post(JSON_TYPE).replace('Host: localhost\r\n', '')],
  ['two lengths', 400, 'BAD_REQUEST', 'Transfer-Encoding', post(JSON_TYPE, 'Transfer-Encoding: chunked')],
  ['no HTTP', 400, 'BAD_REQUEST', 'HTTP/1.1', 'nonsense\r\n\r\n'],
  ['large headers', 431, 'HEADERS_TOO_LARGE', '16384', post(`X: ${'x'.repeat(20_000)}`)],
  ['a socket elsewhere', 404, 'NOT_FOUND', '/graphql', upgrade('/nowhere', 'Host: localhost')],
  ['a socket without a Host', 400, 'BAD_REQUEST', 'one Host header', upgrade('/graphql')],
  [
    'a socket of a foreign name',
    421,
    'MISDIRECTED_REQUEST',
    'TRUSTED_HOSTS',
    upgrade('/graphql', 'Host: evil.example'),
  ],
  [
    'a socket of a foreign page',
    403,
    'FORBIDDEN_ORIGIN',
    'ALLOWED_ORIGINS',
    upgrade('/graphql', 'Host: localhost', 'Origin: https://evil.example'),
  ],
])('%s is refused by %d, in words', async (_what, status, code, words, request) => {
  const answer = String(await sendRaw(rig.url, request, { silenceMs: 500 }))
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  const [body = ''] = /\{"errors".*\}/.exec(answer) ?? []
  expect(JSON.parse(body)).toMatchObject({
    errors: [{ message: expect.stringContaining(words), extensions: { code } }],
  })
})

test('a mutation whose answer could not be accepted is not run', async () => {
  const response = await fetch(`${rig.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/xml' },
    body: JSON.stringify({
      query:
        'mutation { generateVideo(input: { imageUrl: "https://example.com/a.png" }) { ... on UserError { code } } }',
    }),
  })
  expect(response.status).toBe(406)
  const jobs = await fetch(`${rig.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'Application/JSON; Charset=UTF-8', accept: 'APPLICATION/json' },
    body: JSON.stringify({ query: '{ jobs { totalCount } }' }),
  })
  expect(await jobs.json()).toEqual({ data: { jobs: { totalCount: 0 } } })
})
