import { buildSchema, parse, subscribe } from 'graphql'
import { makeServer } from 'graphql-ws'
import { expect, test } from 'vitest'
import { createOperationIds } from '../../src/server/operation-ids.ts'
import { until } from '../helpers/until.ts'

const schema = buildSchema('type Query { a: Int } type Subscription { count(name: String): String }')

/** One socket over graphql-ws, with sources that are there when the test says so. */
function openSocket() {
  const ids = createOperationIds()
  const sent: unknown[] = []
  const running = new Set<string>()
  const waiting = new Map<string, () => void>()
  let handle: (message: string) => Promise<void> = async () => {}

  async function* count(name: string) {
    running.add(name)
    try {
      yield { count: name }
      await new Promise(() => {})
    } finally {
      running.delete(name)
    }
  }

  const closed = makeServer({
    onSubscribe: (_socket, _id, { query }) => ({ schema, document: parse(query) }),
    subscribe: async (args) =>
      await subscribe({
        ...args,
        rootValue: {
          count: async ({ name }: { name: string }) => {
            await new Promise<void>((resolve) => waiting.set(name, resolve))
            return count(name)
          },
        },
      }),
  }).opened(
    {
      protocol: 'graphql-transport-ws',
      send: (text) => {
        const message = ids.toClient(text)
        if (message !== null) sent.push(JSON.parse(message))
      },
      close: () => {},
      onMessage: (listener) => {
        handle = listener
      },
    },
    {},
  )
  return {
    sent,
    running,
    isWaiting: (name: string) => waiting.has(name),
    open: (name: string) => waiting.get(name)?.(),
    closed,
    send: (message: Parameters<typeof ids.toServer>[0]) => void handle(JSON.stringify(ids.toServer(message))),
  }
}

const watch = (id: string, name: string) =>
  ({ type: 'subscribe', id, payload: { query: `subscription { count(name: "${name}") }` } }) as never
const complete = (id: string) => ({ type: 'complete', id }) as never

async function openReadySocket() {
  const socket = openSocket()
  socket.send({ type: 'connection_init' } as never)
  await until(() => socket.sent.length === 1)
  return socket
}

test.each([
  ['before', ['first', 'second']],
  ['after', ['second', 'first']],
])('a source that comes %s that of the next operation under its id is not read', async (_order, order) => {
  const socket = await openReadySocket()
  socket.send(watch('1', 'first'))
  socket.send(complete('1'))
  socket.send(watch('1', 'second'))
  for (const name of order) {
    await until(() => socket.isWaiting(name))
    socket.open(name)
  }
  await until(() => socket.sent.length === 2)
  expect(socket.sent[1]).toEqual({ id: '1', type: 'next', payload: { data: { count: 'second' } } })
  expect([...socket.running]).toEqual(['second'])
})

test('a source that comes after its socket was closed is not read', async () => {
  const socket = await openReadySocket()
  socket.send(watch('1', 'late'))
  await until(() => socket.isWaiting('late'))
  await socket.closed(1000, '')
  socket.open('late')
  await new Promise((resolve) => setImmediate(resolve))
  expect([...socket.running]).toEqual([])
})

test('an id is free once the end of its operation was sent, and no sooner', () => {
  const ids = createOperationIds()
  const first = ids.toServer(watch('1', 'a')) as { id: string }
  expect(ids.toServer(watch('1', 'a'))).toBeNull()
  expect(ids.toClient(`{"id":"${first.id}","type":"complete"}`)).toBe('{"id":"1","type":"complete"}')
  const second = ids.toServer(watch('1', 'a')) as { id: string }
  expect(second.id).not.toBe(first.id)
  expect(ids.toClient(`{"id":"${first.id}","type":"next","payload":{}}`)).toBeNull()
})
