import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createFal } from '../../../src/adapters/fal/client.ts'
import type { FalStatus } from '../../../src/adapters/fal/types.ts'
import { until } from '../../helpers/until.ts'

const ENDPOINT = 'fal-ai/stable-video'
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n'
const servers: { server: Server; sockets: Set<Socket> }[] = []

afterEach(async () => {
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  }
})

/** A fal server that sends exactly the test's bytes. */
async function openFal(answer: (socket: Socket, request: string) => void, options = {}) {
  const sockets = new Set<Socket>()
  const requests: string[] = []
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.once('data', (data) => {
      requests.push(String(data))
      answer(socket, String(data))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  servers.push({ server, sockets })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    fal: createFal({ queueUrl: url, restUrl: url, mediaHosts: [], key: 'secret-key', ...options }),
    sockets,
    requests,
  }
}

const event = (status: object) => `data: ${JSON.stringify(status)}\n\n`
const QUEUED = event({ status: 'IN_QUEUE', queue_position: 2 })
const RUNNING = event({ status: 'IN_PROGRESS', logs: [{ message: 'Schritt 1: schön' }] })
const COMPLETED = event({ status: 'COMPLETED', logs: [] })

/** The statuses of a stream, and the error that ended it. */
async function readAll(statuses: AsyncIterable<FalStatus>) {
  const seen: FalStatus[] = []
  try {
    for await (const status of statuses) seen.push(status)
    return { seen, error: null }
  } catch (error) {
    return { seen, error }
  }
}

test('each event is a status, comments are ignored, and the stream ends after COMPLETED', async () => {
  const { fal, requests, sockets } = await openFal((socket) =>
    socket.write(`${HEAD}: ping\n\n${QUEUED}${RUNNING}: ping\n\n${COMPLETED}${QUEUED}`),
  )
  const { seen, error } = await readAll(fal.watch(ENDPOINT, 'abc'))
  expect(error).toBeNull()
  expect(seen.map(({ state }) => state)).toEqual(['IN_QUEUE', 'IN_PROGRESS', 'COMPLETED'])
  expect(seen[1]?.logs[0]?.message).toBe('Schritt 1: schön')
  expect(requests[0]).toMatch(/^GET \/fal-ai\/stable-video\/requests\/abc\/status\/stream\?logs=1 /)
  expect(requests[0]).toMatch(/authorization: Key secret-key/i)
  await until(() => sockets.size === 0)
})

test('a character or a line may be split between chunks', async () => {
  const { fal } = await openFal(async (socket) => {
    socket.write(HEAD)
    for (const byte of Buffer.from(RUNNING + COMPLETED)) {
      socket.write(Buffer.from([byte]))
      await new Promise(setImmediate)
    }
  })
  const { seen, error } = await readAll(fal.watch(ENDPOINT, 'abc'))
  expect(error).toBeNull()
  expect(seen[0]?.logs[0]?.message).toBe('Schritt 1: schön')
})

test('the stream of a sub-model is requested from its app', async () => {
  const { fal, requests } = await openFal((socket) => socket.end(HEAD + COMPLETED))
  await readAll(fal.watch('fal-ai/fast-svd/text-to-video', 'abc'))
  await readAll(fal.watch('workflows/someone/flow/sub', 'abc'))
  expect(requests.map((request) => request.split(' ')[1])).toEqual([
    '/fal-ai/fast-svd/requests/abc/status/stream?logs=1',
    '/workflows/someone/flow/requests/abc/status/stream?logs=1',
  ])
})

test.each<[string, (socket: Socket) => void, string]>([
  ['that is cut in the middle of a line', (socket) => socket.end(`${HEAD}${QUEUED}data: {"stat`), 'interrupted'],
  ['that is reset', (socket) => socket.write(HEAD + QUEUED, () => socket.resetAndDestroy()), 'interrupted'],
  ['that ends early without an error', (socket) => socket.end(HEAD + QUEUED), 'interrupted'],
  ['that is empty', (socket) => socket.end(HEAD), 'interrupted'],
  ['that is silent', (socket) => socket.write(HEAD + QUEUED), 'interrupted'],
  ['that never begins', () => {}, 'interrupted'],
  ['with an event that is not JSON', (socket) => socket.write(`${HEAD}data: oh no\n\n`), 'unreadable'],
  ['with an event without a status', (socket) => socket.write(`${HEAD}data: {"a":1}\n\n`), 'unreadable'],
  ['with an endless line', (socket) => socket.write(`${HEAD}data: ${'x'.repeat(1_100_000)}`), 'unreadable'],
  ['of HTML', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<h1>hi</h1>'), 'unreadable'],
  [
    'that leads elsewhere',
    (socket) => socket.end('HTTP/1.1 302 Found\r\nlocation: http://x.test/\r\n\r\n'),
    'unreadable',
  ],
  ['that is refused', (socket) => socket.end('HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n'), 'auth'],
  ['of an unknown request', (socket) => socket.end('HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n'), 'not-found'],
  ['of a gateway that fails', (socket) => socket.end('HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n'), 'unavailable'],
])('a stream %s is no end of the request', async (_what, answer, kind) => {
  const { fal, sockets } = await openFal(answer, { silenceMs: 150, timeoutMs: 300 })
  const { seen, error } = await readAll(fal.watch(ENDPOINT, 'abc'))
  expect(seen.every(({ state }) => state === 'IN_QUEUE')).toBe(true)
  expect(error).toMatchObject({ name: 'FalError', kind })
  expect(String(error)).not.toContain('secret-key')
  await until(() => sockets.size === 0)
})

test('comments keep a stream alive', async () => {
  const { fal } = await openFal(
    (socket) => {
      socket.write(HEAD + QUEUED)
      let pings = 0
      const timer = setInterval(() => {
        socket.write(++pings < 10 ? ': ping\n\n' : COMPLETED)
        if (pings === 10) clearInterval(timer)
      }, 50)
    },
    { silenceMs: 300 },
  )
  const { seen, error } = await readAll(fal.watch(ENDPOINT, 'abc'))
  expect(error).toBeNull()
  expect(seen).toHaveLength(2)
})

test('break, the signal, and an aborted signal all close the connection', async () => {
  const { fal, sockets } = await openFal((socket) => socket.write(HEAD + QUEUED))
  for await (const status of fal.watch(ENDPOINT, 'abc')) {
    expect(status.state).toBe('IN_QUEUE')
    break
  }
  await until(() => sockets.size === 0)

  const controller = new AbortController()
  const reading = readAll(fal.watch(ENDPOINT, 'abc', { signal: controller.signal }))
  await until(() => sockets.size === 1)
  const reason = new Error('enough')
  controller.abort(reason)
  expect((await reading).error).toBe(reason)
  await until(() => sockets.size === 0)
  expect((await readAll(fal.watch(ENDPOINT, 'abc', { signal: controller.signal }))).error).toBe(reason)
  expect(sockets.size).toBe(0)
})

test.each(['../../x', 'a b', ''])('the request ID %j never enters a URL', async (id) => {
  const { fal, requests } = await openFal(() => {})
  expect((await readAll(fal.watch(ENDPOINT, id))).error).toMatchObject({ kind: 'rejected' })
  expect(requests).toEqual([])
})
