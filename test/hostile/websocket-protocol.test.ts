/** What a stranger can check of graphql-transport-ws with `ws` alone, against a server in production mode. */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createSocketOpener, operation, PROTOCOL, type RawSocket, typename } from '../api/raw-socket.ts'
import { until } from '../helpers/until.ts'
import { judgeErrors, judgeText } from './oracle.ts'
import { type HostileRig, openHostileRig } from './production-rig.ts'

const FEED = 'subscription { jobFeed { sequence } }'
const MAX_MESSAGE_BYTES = 256 * 1024

let rig: HostileRig
const { open, openReady, cutAll } = createSocketOpener(() => rig.url)

beforeAll(async () => {
  rig = await openHostileRig()
}, 60_000)
afterEach(cutAll)
afterAll(() => rig.stop())

/** Sends a query and waits for its end: the socket serves. */
async function expectServing(socket: RawSocket, id = 'still here'): Promise<void> {
  socket.send(typename(id))
  await socket.received((message) => message.id === id && message.type === 'complete')
  expect(socket.of(id)).toEqual([
    { id, type: 'next', payload: { data: { __typename: 'Query' } } },
    { id, type: 'complete' },
  ])
}

async function expectSubscriptions(count: number): Promise<void> {
  await until(async () => (await rig.figures()).subscriptions === count, {
    what: `${count} subscriptions`,
    everyMs: 50,
  })
}

const init = { type: 'connection_init' }

describe('a socket is closed with', () => {
  test.each<[code: number, why: string, options: Parameters<typeof open>[0], messages: unknown[]]>([
    [4406, 'no subprotocol', {}, []],
    [4406, 'a wrong subprotocol', { headers: { 'sec-websocket-protocol': 'graphql-ws' } }, []],
    [4408, 'nothing for 3 s', PROTOCOL, []],
    [4401, 'a subscribe before the ack', PROTOCOL, [typename('1')]],
    [4429, 'a second connection_init while the first is pending', PROTOCOL, [init, init]],
    [4400, 'no JSON', PROTOCOL, [init, '{']],
    [4400, 'an unknown type', PROTOCOL, [init, { type: 'nonsense' }]],
    [4400, 'the type `start` of the legacy protocol', PROTOCOL, [init, { ...typename('1'), type: 'start' }]],
    [4400, 'a numeric id', PROTOCOL, [init, typename(1)]],
    [4400, 'no id', PROTOCOL, [init, { ...typename('1'), id: undefined }]],
    [4400, 'an empty id', PROTOCOL, [init, typename('')]],
    [4400, 'a list as variables', PROTOCOL, [init, operation('1', '{ __typename }', [])]],
    [4400, 'a `next` from a client', PROTOCOL, [init, { type: 'next', id: '1', payload: { data: {} } }]],
    [4400, 'an `error` from a client', PROTOCOL, [init, { type: 'error', id: '1', payload: [] }]],
    [4400, 'a `connection_ack` from a client', PROTOCOL, [init, { type: 'connection_ack' }]],
    [4409, 'an id twice', PROTOCOL, [init, operation('1', FEED), operation('1', FEED)]],
    [1009, 'a message of 257 kB', PROTOCOL, [init, JSON.stringify(typename('1')).padEnd(257 * 1024)]],
    [1009, 'a message of 50 MB', PROTOCOL, [init, JSON.stringify(typename('1')).padEnd(50_000_000)]],
  ])('%d for %s', async (code, _why, options, messages) => {
    const socket = await open(options)
    for (const message of messages) {
      socket.send(message)
      if (message === init && messages[1] !== init) await socket.received(({ type }) => type === 'connection_ack')
    }
    expect(await socket.closed(10_000)).toBe(code)
  })

  test('4429 for a second connection_init after the ack', async () => {
    const socket = await openReady()
    socket.send(init)
    expect(await socket.closed()).toBe(4429)
  })

  test('4400 for binary that is no message', async () => {
    const socket = await openReady()
    socket.sendBinary(new Uint8Array([0, 255, 1]))
    expect(await socket.closed()).toBe(4400)
  })
})

describe('a socket stays open and serves', () => {
  test.each(['__proto__', 'toString', 'constructor', '🚀', 'x'.repeat(100)])(
    'an operation with the id %s',
    async (id) => {
      await expectServing(await openReady(), id)
    },
  )

  test('a message of 256 kB', async () => {
    const socket = await openReady()
    socket.send(JSON.stringify(typename('1')).padEnd(MAX_MESSAGE_BYTES))
    await expectServing(socket)
    expect(socket.of('1')).toHaveLength(2)
  })

  test('after a complete for an unknown id, and sends nothing for one completed before its result', async () => {
    const socket = await openReady()
    socket.send({ type: 'complete', id: 'unknown' })
    socket.send(operation('early', FEED))
    socket.send({ type: 'complete', id: 'early' })
    await expectServing(socket)
    expect([...socket.of('unknown'), ...socket.of('early')]).toEqual([])
  })

  test('after a ping, which gets a pong with the same payload', async () => {
    const socket = await openReady()
    socket.send({ type: 'ping', payload: { beat: [7] } })
    expect(await socket.received(({ type }) => type === 'pong')).toEqual({ type: 'pong', payload: { beat: [7] } })
    await expectServing(socket)
  })

  test.each([
    ['a syntax error', '{'],
    ['a validation error', '{ nonsense }'],
    ['an unknown fragment', '{ ...Missing }'],
    ['a subscription with two fields', 'subscription { jobFeed { sequence } other: jobFeed { sequence } }'],
    ['no operation', 'fragment F on Query { __typename }'],
    ['an unknown job', 'subscription { jobProgress(id: "nonsense") { sequence } }'],
  ])('after %s, which is an error for its id', async (_name, query) => {
    const socket = await openReady()
    socket.send(operation('1', query))
    const { type, payload } = await socket.received(({ id }) => id === '1')
    const errors = JSON.stringify({ errors: type === 'error' ? payload : (payload as { errors: unknown }).errors })
    expect((JSON.parse(errors) as { errors: unknown[] }).errors.length).toBeGreaterThan(0)
    expect([...judgeErrors(errors), ...judgeText(errors, rig.secrets)]).toEqual([])
    await expectServing(socket)
  })

  test('two operations side by side, each to its own end', async () => {
    const socket = await openReady()
    for (const id of ['one', 'two']) socket.send(operation(id, '{ jobs(first: 1) { edges { node { id } } } }'))
    for (const id of ['one', 'two'])
      await socket.received((message) => message.id === id && message.type === 'complete')
    for (const id of ['one', 'two']) expect(socket.of(id).map(({ type }) => type)).toEqual(['next', 'complete'])
  })
})

test('the 101st subscription of a socket is an error for its id, and the first still run', async () => {
  const socket = await openReady()
  for (let n = 1; n <= 101; n++) socket.send(operation(String(n), FEED))
  expect(await socket.received(({ id }) => id === '101')).toMatchObject({
    type: 'error',
    payload: [{ message: expect.any(String) }],
  })
  await expectSubscriptions(100)
  socket.send({ type: 'complete', id: '1' })
  await expectSubscriptions(99)
  socket.send(operation('102', FEED))
  await expectSubscriptions(100)
  expect(socket.isOpen).toBe(true)
})

test('an unexpected failure of a resolver or a source reveals only its id', async () => {
  const broken = await openHostileRig()
  const { openReady: openAtBroken, cutAll: cutBroken } = createSocketOpener(() => broken.url)
  try {
    const [jobId] = broken.world.jobIds
    await runSql(
      broken.databaseUrl,
      'ALTER TABLE "JobUpdate" RENAME TO "MovedUpdate"',
      'ALTER TABLE "Job" RENAME TO "MovedJob"',
    )
    const socket = await openAtBroken()
    socket.send(operation('resolver', '{ jobs { totalCount } }'))
    socket.send(operation('source', `subscription { jobProgress(id: "${jobId}") { sequence } }`))
    for (const id of ['resolver', 'source']) {
      const text = JSON.stringify(await socket.received((message) => message.id === id && message.type !== 'complete'))
      expect(text).toContain('Unexpected error.')
      expect(text).toContain('errorId')
      expect([...judgeText(text, broken.secrets), ...(/Moved|does not exist|relation/.exec(text) ?? [])]).toEqual([])
    }
    await expectServing(socket)
  } finally {
    cutBroken()
    await broken.stop()
  }
})

async function runSql(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}
