import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { WatchFeedDocument } from '../../operations/generated/graphql.ts'
import { createSocketOpener, openGraphQLSocket, operation, PROTOCOL, typename } from './raw-socket.ts'
import { openRig, type Rig } from './rig.ts'

const MAX_MESSAGE_BYTES = 256 * 1024

let rig: Rig
const { open, openReady, cutAll } = createSocketOpener(() => rig.url)

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable' })
})

afterEach(cutAll)

afterAll(async () => {
  await rig.close()
})

const feed = (id: string) => operation(id, WatchFeedDocument.toString())
const answered = { type: 'next', payload: { data: { __typename: 'Query' } } }

describe('a socket is closed', () => {
  test.each([
    ['without a subprotocol', {}],
    ['with another subprotocol', { headers: { 'sec-websocket-protocol': 'graphql-ws' } }],
  ])('with 4406 when it comes %s', async (_name, options) => {
    expect(await (await open(options)).closed()).toBe(4406)
  })

  test('with 4408 without a connection_init', async () => {
    expect(await (await open(PROTOCOL)).closed(8000)).toBe(4408)
  })

  test('with 4401 when it subscribes before the ack', async () => {
    const socket = await open(PROTOCOL)
    socket.send(typename('1'))
    expect(await socket.closed()).toBe(4401)
  })

  test('with 4429 by a second connection_init, also while the first is pending', async () => {
    const [ready, pending] = [await openReady(), await open(PROTOCOL)]
    ready.send({ type: 'connection_init' })
    for (const _time of [1, 2]) pending.send({ type: 'connection_init' })
    expect([await ready.closed(), await pending.closed()]).toEqual([4429, 4429])
  })

  test.each<[string, unknown]>([
    ['no JSON', 'nonsense'],
    ['null', null],
    ['a list', []],
    ['no type', {}],
    ['an unknown type', { type: 'nonsense' }],
    ['the type of the legacy protocol', { type: 'start', id: '1', payload: { query: '{ __typename }' } }],
    ['no id', { type: 'subscribe', payload: { query: '{ __typename }' } }],
    ['an empty id', typename('')],
    ['a number as id', typename(1)],
    ['no payload', { type: 'subscribe', id: '1' }],
    ['a query that is no text', { type: 'subscribe', id: '1', payload: { query: 1 } }],
    ['a list as variables', { type: 'subscribe', id: '1', payload: { query: '{ __typename }', variables: [] } }],
    ['the type `next`, which only a server sends', { type: 'next', id: '1', payload: { data: {} } }],
    ['the type `error`, which only a server sends', { type: 'error', id: '1', payload: [{ message: 'x' }] }],
    ['the type `connection_ack`, which only a server sends', { type: 'connection_ack' }],
    ['an id of 129 characters', typename('x'.repeat(129))],
    ['a ping of more than a kilobyte', { type: 'ping', payload: { text: 'x'.repeat(1024) } }],
    ['a pong of more than a kilobyte', { type: 'pong', payload: { text: 'x'.repeat(1024) } }],
    ['a complete of more than a kilobyte', { type: 'complete', id: 'x'.repeat(1024) }],
    ['variables nested 50,000 deep', `{"type":"subscribe","id":"1","payload":${'['.repeat(5e4)}${']'.repeat(5e4)}}`],
  ])('with 4400 by a message with %s', async (_name, message) => {
    const socket = await openReady()
    socket.send(message)
    expect(await socket.closed()).toBe(4400)
  })

  test('with 4400 by binary that is no message', async () => {
    const socket = await openReady()
    socket.sendBinary(new Uint8Array([0, 255, 1]))
    expect(await socket.closed()).toBe(4400)
  })

  test.each(['1', '🚀'.repeat(64)])('with 4409 by the id %s, which is in use', async (id) => {
    const socket = await openReady()
    socket.send(feed(id))
    socket.send(feed(id))
    expect(await socket.closed()).toBe(4409)
  })

  test('with 4400 by a connection_init of more than 8 kB', async () => {
    const socket = await open(PROTOCOL)
    socket.send({ type: 'connection_init', payload: { token: 'x'.repeat(8192) } })
    expect(await socket.closed()).toBe(4400)
  })

  test('and ignores its messages after the invalid one', async () => {
    const socket = await openReady()
    socket.send({ type: 'nonsense' })
    for (const id of ['1', '2', '3']) socket.send(typename(id))
    expect(await socket.closed()).toBe(4400)
    expect(['1', '2', '3'].flatMap(socket.of)).toEqual([])
  })

  test.each([MAX_MESSAGE_BYTES + 1, 50_000_000])('with 1009 by a message of %d bytes', async (sizeBytes) => {
    const socket = await openReady()
    socket.send(JSON.stringify(typename('1')).padEnd(sizeBytes))
    expect(await socket.closed()).toBe(1009)
    expect(socket.of('1')).toEqual([])
  })
})

test('a message of 256 kB is accepted', async () => {
  const socket = await openReady()
  socket.send(JSON.stringify(typename('1')).padEnd(MAX_MESSAGE_BYTES))
  expect(await socket.received(({ id }) => id === '1')).toMatchObject(answered)
})

test.each(['/', '/graphql/', '/other', '/graphqlx'])('there is no WebSocket at %s', async (path) => {
  const socket = new WebSocket(`${rig.url.replace('http', 'ws')}${path}`, 'graphql-transport-ws')
  const [error] = await once(socket, 'error')
  expect(String(error)).toContain('404')
})

test('a server that stops does not wait for a client that does not close', async () => {
  const stopping = await openRig({ fal: 'unavailable' })
  const { hostname, port } = new URL(stopping.url)
  const deaf = connect(Number(port), hostname)
  const head = ['GET /graphql HTTP/1.1', `Host: ${hostname}:${port}`, 'Connection: Upgrade', 'Upgrade: websocket']
  const websocket = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==']
  deaf.write([...head, ...websocket, 'Sec-WebSocket-Protocol: graphql-transport-ws', '', ''].join('\r\n'))
  await once(deaf, 'data')
  // It reads no more, and answers no close.
  deaf.pause()
  const since = performance.now()
  await stopping.close()
  expect(performance.now() - since).toBeLessThan(10_000)
  deaf.destroy()
})

test('a server that stops closes its sockets with 1012', async () => {
  const stopping = await openRig({ fal: 'unavailable' })
  const [idle, busy] = [await openGraphQLSocket(stopping.url), await openGraphQLSocket(stopping.url)]
  busy.send(feed('1'))
  await stopping.close()
  expect([await idle.closed(), await busy.closed()]).toEqual([1012, 1012])
})
