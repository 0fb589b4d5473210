import { once } from 'node:events'
import type { Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../helpers/until.ts'
import { expectServed, openConnection, startTarget, type Target, toHead } from './rig.ts'

const json = { 'content-type': 'application/json', 'graphql-require-preflight': '1' }

let target: Target

beforeAll(async () => {
  target = await startTarget()
})

afterAll(() => target.close())

/** Sends a byte now and then, and answers after how long the connection was cut, and what was said. */
async function drip(start: string, { byte = 'x', everyMs = 500 } = {}): Promise<{ tookMs: number; text: string }> {
  const socket = await openConnection(target.port)
  const since = performance.now()
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk
  })
  socket.write(start)
  const timer = setInterval(() => socket.write(byte), everyMs)
  await once(socket, 'close')
  clearInterval(timer)
  return { tookMs: performance.now() - since, text }
}

const body = (path: string, headers: Record<string, string> = json) =>
  toHead('POST', path, { ...headers, 'content-length': '200000' })

test.concurrent.each<[string, string, string, RegExp]>([
  ['nothing at all', '', '', /^HTTP\/1\.1 408 /],
  ['a head that does not end', 'GET / HTTP/1.1\r\nx: ', 'x', /^HTTP\/1\.1 408 /],
  ['a body for GraphQL', body('/graphql'), 'x', /^HTTP\/1\.1 408 /],
  [
    'a body for GraphQL in chunks',
    toHead('POST', '/graphql', { ...json, 'transfer-encoding': 'chunked' }),
    '1\r\nx\r\n',
    /^HTTP\/1\.1 408 /,
  ],
  [
    'a multipart body',
    body('/graphql', { ...json, 'content-type': 'multipart/form-data; boundary=x' }),
    '-',
    /^HTTP\/1\.1 408 /,
  ],
  ['a body for an upload', body('/graphql', { ...json, accept: 'text/event-stream' }), 'x', /^HTTP\/1\.1 408 /],
  ['a body that nobody reads', body('/nowhere'), 'x', /^HTTP\/1\.1 404 /],
  ['a webhook', body('/webhooks/fal?job=1&mac=2'), 'x', /^HTTP\/1\.1 401 /],
])(
  '%s, sent by drops, is cut within 15 s',
  async (_name, start, byte, answer) => {
    const { tookMs, text } = await drip(start, { byte })
    expect(tookMs).toBeLessThan(15_000)
    expect(text).toMatch(answer)
  },
  30_000,
)

test('a body at a modest rate is accepted', async () => {
  const socket = await openConnection(target.port)
  const query = '{"query":"{ __typename }"}'.padEnd(30_000)
  socket.write(toHead('POST', '/graphql', { ...json, 'content-length': String(query.length) }))
  let sent = 0
  const timer = setInterval(() => {
    socket.write(query.slice(sent, sent + 1_000))
    sent += 1_000
  }, 500)
  const answer = await read(socket)
  clearInterval(timer)
  expect(answer).toMatch(/^HTTP\/1\.1 200 .*\{"data":\{"__typename":"Query"\}\}/s)
  socket.destroy()
}, 40_000)

/** 500 slow bodies and 500 slow heads. */
test('a thousand slow senders delay no other client, and all are disconnected', async () => {
  const before = target.countDescriptors() ?? 0
  const starts = [body('/graphql'), 'GET / HTTP/1.1\r\nx: ']
  const sockets = await Promise.all(
    Array.from({ length: 1_000 }, async (_, index) => {
      const socket = await openConnection(target.port)
      socket.resume().write(starts[index % 2] ?? '')
      return socket
    }),
  )
  const timer = setInterval(() => {
    for (const socket of sockets) socket.write('x')
  }, 1_000)
  const since = performance.now()
  await expectServed(target.url)
  await until(() => sockets.every(({ closed }) => closed), { timeoutMs: 20_000, what: 'all to be cut' })
  clearInterval(timer)
  expect(performance.now() - since).toBeLessThan(15_000)
  await until(() => (target.countDescriptors() ?? 0) <= before + 5, { what: 'descriptors to be closed' })
  expect(target.strangeLines()).toEqual([])
  expect(target.server.output()).not.toMatch(/"level":(50|60)/)
}, 40_000)

async function read(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk
  })
  await once(socket, 'data')
  await until(() => /\r\n\r\n.*\}/s.test(text), { what: 'the rest of the answer' })
  return text
}
