/** Requests that two servers could take for different ones: nothing after such a head may be read as a second request. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../helpers/until.ts'
import { type HostileRig, openHostileRig } from './production-rig.ts'

let rig: HostileRig

beforeAll(async () => {
  rig = await openHostileRig()
}, 60_000)
afterAll(() => rig.stop())

/** Sends text as it is, and answers all that came until the server closed. */
async function sendRaw(text: string): Promise<string> {
  const socket = connect(rig.port, '127.0.0.1')
  let received = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    received += chunk
  })
  // A server that refuses a head does not wait for the rest: a reset is an end like any other.
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(text)
  try {
    await until(() => socket.destroyed || /Connection: close\r\n/i.test(received), {
      timeoutMs: 5000,
      what: 'the server to close',
    })
  } finally {
    socket.destroy()
  }
  return received
}

const statuses = (received: string): number[] =>
  [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))

const BODY = '{"query":"{ __typename }"}'
const SECOND = 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
const head = (...lines: string[]) =>
  ['POST /graphql HTTP/1.1', `Host: ${rig.host}`, 'Content-Type: application/json', ...lines, '', ''].join('\r\n')

test.each<[name: string, toText: () => string]>([
  [
    'Content-Length and Transfer-Encoding',
    () => `${head(`Content-Length: ${BODY.length}`, 'Transfer-Encoding: chunked')}0\r\n\r\n${SECOND}`,
  ],
  [
    'Transfer-Encoding and Content-Length',
    () => `${head('Transfer-Encoding: chunked', 'Content-Length: 4')}0\r\n\r\n${SECOND}`,
  ],
  ['two lengths', () => head('Content-Length: 0', `Content-Length: ${BODY.length}`) + BODY + SECOND],
  [
    'the same length twice',
    () => head(`Content-Length: ${BODY.length}`, `Content-Length: ${BODY.length}`) + BODY + SECOND,
  ],
  ['a list of lengths', () => head(`Content-Length: ${BODY.length}, ${BODY.length}`) + BODY + SECOND],
  ['a length with a plus', () => head(`Content-Length: +${BODY.length}`) + BODY + SECOND],
  ['a negative length', () => head('Content-Length: -1') + BODY + SECOND],
  ['a length in hex', () => head('Content-Length: 0x1a') + BODY + SECOND],
  ['a length that overflows', () => head('Content-Length: 18446744073709551642') + BODY + SECOND],
  ['chunked that is not the last coding', () => `${head('Transfer-Encoding: chunked, identity')}0\r\n\r\n${SECOND}`],
  ['an unknown coding', () => `${head('Transfer-Encoding: xchunked')}0\r\n\r\n${SECOND}`],
  ['a space before the colon', () => `${head('Transfer-Encoding : chunked')}0\r\n\r\n${SECOND}`],
  ['a folded header', () => `${head('Transfer-Encoding:\r\n chunked')}0\r\n\r\n${SECOND}`],
  ['a bare carriage return', () => head('X: y\rTransfer-Encoding: chunked') + SECOND],
  ['a NUL in a header', () => head('X: y\u0000z') + SECOND],
  ['a chunk size that is none', () => `${head('Transfer-Encoding: chunked')}zz\r\n${SECOND}`],
  ['a chunk size that overflows', () => `${head('Transfer-Encoding: chunked')}fffffffffffffffff\r\n${SECOND}`],
  ['a chunk that ends in no line', () => `${head('Transfer-Encoding: chunked')}1\r\nab\r\n0\r\n\r\n${SECOND}`],
  ['a bare line feed after a chunk size', () => `${head('Transfer-Encoding: chunked')}1\na\r\n0\r\n\r\n${SECOND}`],
  [
    'a chunked body in HTTP/1.0',
    () => `${head('Transfer-Encoding: chunked').replace('HTTP/1.1', 'HTTP/1.0')}0\r\n\r\n${SECOND}`,
  ],
  ['a space in the target', () => head('Content-Length: 0').replace('/graphql', '/graphql /x') + SECOND],
  ['two Hosts', () => head('Host: evil.example', 'Content-Length: 0', 'Connection: close')],
  ['no Host', () => head('Content-Length: 0').replace(/Host: .*\r\n/, '') + SECOND],
])('%s: at most one answer, and no success', async (_name, toText) => {
  const answers = statuses(await sendRaw(toText()))
  expect(answers.length).toBeLessThanOrEqual(1)
  for (const status of answers) {
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
  }
})

test('two requests that are framed well are answered in their order', async () => {
  const first = head(`Content-Length: ${BODY.length}`) + BODY
  const second = SECOND.replace('Host: 127.0.0.1', `Host: ${rig.host}\r\nConnection: close`)
  expect(statuses(await sendRaw(first + second))).toEqual([200, 200])
})
