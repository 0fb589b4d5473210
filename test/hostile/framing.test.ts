import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRig, type Rig } from '../api/rig.ts'
import { sendRaw, toStatuses } from '../helpers/raw-http.ts'

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable' })
})

afterAll(async () => {
  await rig.close()
})

const BODY = '{"query":"{ __typename }"}'
/** What a smuggler wants to have answered: it would be a second answer on the connection. */
const HIDDEN = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'
const post = (...headers: string[]) =>
  ['POST /graphql HTTP/1.1', 'Host: localhost', 'Content-Type: application/json', ...headers].join('\r\n')
const chunked = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`

const PAIRS: [string, string][] = [
  [
    'a length and chunks',
    `${post(`Content-Length: ${BODY.length}`, 'Transfer-Encoding: chunked')}\r\n\r\n${chunked}${HIDDEN}`,
  ],
  ['chunks and a length', `${post('Transfer-Encoding: chunked', 'Content-Length: 4')}\r\n\r\n${chunked}${HIDDEN}`],
  ['two lengths', `${post(`Content-Length: ${BODY.length}`, 'Content-Length: 1')}\r\n\r\n${BODY}${HIDDEN}`],
  ['two lengths in one', `${post(`Content-Length: ${BODY.length}, 1`)}\r\n\r\n${BODY}${HIDDEN}`],
  [
    'the same length twice',
    `${post(`Content-Length: ${BODY.length}`, `Content-Length: ${BODY.length}`)}\r\n\r\n${BODY}${HIDDEN}`,
  ],
  ['a negative length', `${post('Content-Length: -1')}\r\n\r\n${BODY}${HIDDEN}`],
  ['a length with a sign', `${post(`Content-Length: +${BODY.length}`)}\r\n\r\n${BODY}${HIDDEN}`],
  ['a hexadecimal length', `${post('Content-Length: 0x1a')}\r\n\r\n${BODY}${HIDDEN}`],
  ['a length beyond all numbers', `${post(`Content-Length: ${'9'.repeat(40)}`)}\r\n\r\n${BODY}${HIDDEN}`],
  [
    'chunks that are not the last encoding',
    `${post('Transfer-Encoding: chunked, identity')}\r\n\r\n${chunked}${HIDDEN}`,
  ],
  ['an unknown encoding', `${post('Transfer-Encoding: xchunked')}\r\n\r\n${chunked}${HIDDEN}`],
  ['two encodings', `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: identity')}\r\n\r\n${chunked}${HIDDEN}`],
  ['a space before the colon', `${post('Transfer-Encoding : chunked')}\r\n\r\n${chunked}${HIDDEN}`],
  ['a folded header', `${post('Transfer-Encoding:\r\n chunked')}\r\n\r\n${chunked}${HIDDEN}`],
  ['a bare line feed in the head', `${post(`Content-Length: ${BODY.length}\nX: y`)}\r\n\r\n${BODY}${HIDDEN}`],
  ['a bare carriage return in the head', `${post(`Content-Length: ${BODY.length}\rX: y`)}\r\n\r\n${BODY}${HIDDEN}`],
  ['a NUL in a header', `${post('X: a\0b', `Content-Length: ${BODY.length}`)}\r\n\r\n${BODY}${HIDDEN}`],
  ['a chunk size that is none', `${post('Transfer-Encoding: chunked')}\r\n\r\nzz\r\n${BODY}\r\n0\r\n\r\n${HIDDEN}`],
  [
    'a chunk size beyond all numbers',
    `${post('Transfer-Encoding: chunked')}\r\n\r\n${'f'.repeat(40)}\r\n${BODY}\r\n0\r\n\r\n${HIDDEN}`,
  ],
  [
    'a chunk that is longer than it says',
    `${post('Transfer-Encoding: chunked')}\r\n\r\n1\r\n${BODY}\r\n0\r\n\r\n${HIDDEN}`,
  ],
  [
    'a chunk that ends in a bare line feed',
    `${post('Transfer-Encoding: chunked')}\r\n\r\n${BODY.length.toString(16)}\n${BODY}\n0\n\n${HIDDEN}`,
  ],
  ['two hosts', `${post('Host: evil.example', `Content-Length: ${BODY.length}`)}\r\n\r\n${BODY}`],
  ['no version', 'GET /graphql\r\n\r\n'],
  ['another version', 'GET /graphql HTTP/3.0\r\nHost: localhost\r\n\r\n'],
]

describe('a request that two programs could read in two ways is refused:', () => {
  test.each(PAIRS)('%s', async (_name, text) => {
    const statuses = toStatuses(await sendRaw(rig.url, text, { silenceMs: 1000 }))
    expect(statuses[0]).toSatisfy((status: number) => status >= 400 && status < 500)
    expect(statuses).toHaveLength(1)
  })
})
