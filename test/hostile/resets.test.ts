import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WatchFeedDocument } from '../../operations/generated/graphql.ts'
import { createSeeded, type Seeded } from '../helpers/seeded.ts'
import { until } from '../helpers/until.ts'
import {
  expectServed,
  hasHaproxy,
  openConnection,
  startHaproxy,
  startTarget,
  type Target,
  toFrame,
  toHead,
  UPGRADE,
} from './rig.ts'

const SEED = Number(process.env.SEED ?? 20_261)
/** Connections of each run, and how many of them are open at a time. */
const CONNECTIONS = 2_000
const AT_ONCE = 50

const feed = JSON.stringify({ query: WatchFeedDocument.toString() })
const typename = '{"query":"{ __typename }"}'
const json = { 'content-type': 'application/json', 'graphql-require-preflight': '1' }
const post = (path: string, body: string | Buffer, headers: Record<string, string> = json) =>
  Buffer.concat([
    Buffer.from(toHead('POST', path, { ...headers, 'content-length': String(Buffer.byteLength(body)) })),
    Buffer.from(body),
  ])
const upgrade = (path: string, headers: Record<string, string> = {}) =>
  Buffer.from(toHead('GET', path, { ...UPGRADE, ...headers }))
const form = [
  '--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{"query":"{ __typename }"}',
  '--x\r\ncontent-disposition: form-data; name="map"\r\n\r\n{}',
  `--x\r\ncontent-disposition: form-data; name="0"; filename="a.png"\r\n\r\n${'x'.repeat(50_000)}\r\n--x--\r\n`,
].join('\r\n')

/** What a client says, in the pieces between which it waits for what the server says. */
const CONVERSATIONS: Record<string, Buffer[]> = {
  query: [post('/graphql', typename)],
  'large body': [post('/graphql', typename.padEnd(200_000))],
  multipart: [post('/graphql', form, { ...json, 'content-type': 'multipart/form-data; boundary=x' })],
  chunks: [
    Buffer.from(toHead('POST', '/graphql', { ...json, 'transfer-encoding': 'chunked' })),
    Buffer.from('1a\r\n{"query":"{ __typename }"}\r\n'),
    Buffer.from('0\r\n\r\n'),
  ],
  'expect continue': [
    Buffer.from(toHead('POST', '/graphql', { ...json, expect: '100-continue', 'content-length': '26' })),
  ],
  pipeline: [Buffer.concat(Array.from({ length: 20 }, () => post('/graphql', typename)))],
  SSE: [post('/graphql', feed, { ...json, accept: 'text/event-stream' }), Buffer.from('more')],
  page: [Buffer.from(toHead('GET', '/'))],
  studio: [Buffer.from(toHead('GET', '/jobs/1'))],
  image: [Buffer.from(toHead('GET', '/media/images/01a2065a-8451-77fa-add3-5edcab54585c'))],
  webhook: [post('/webhooks/fal?job=1&mac=2', '{"request_id":"1"}'.padEnd(20_000))],
  health: [Buffer.from(toHead('GET', '/readyz')), Buffer.from(toHead('GET', '/metrics'))],
  nowhere: [post('/nowhere', 'x'.repeat(100_000))],
  'no HTTP': [Buffer.from('\x16\x03\x01nonsense\r\n\r\n')],
  'upgrade elsewhere': [upgrade('/nowhere'), toFrame(1, 'x')],
  'upgrade to what nobody has': [upgrade('/graphql', { upgrade: 'h2c' }), Buffer.from('x')],
  'upgrade without a key': [upgrade('/graphql', { 'sec-websocket-key': '' })],
  'upgrade of a foreign page': [upgrade('/graphql', { origin: 'https://evil.example' })],
  socket: [
    upgrade('/graphql'),
    toFrame(1, '{"type":"connection_init"}'),
    toFrame(1, JSON.stringify({ type: 'subscribe', id: '1', payload: JSON.parse(feed) })),
    toFrame(1, JSON.stringify({ type: 'subscribe', id: '2', payload: JSON.parse(typename) })),
    toFrame(9, 'ping'),
    toFrame(8, Buffer.from([3, 232])),
  ],
  'socket at once': [
    Buffer.concat([upgrade('/graphql'), toFrame(1, '{"type":"connection_init"}'), toFrame(1, '{"type":"ping"}')]),
  ],
  'broken frame': [upgrade('/graphql'), Buffer.from([0xff, 0xff, 1, 2, 3])],
}

let target: Target

beforeAll(async () => {
  target = await startTarget()
})

afterAll(() => target.close())

/** Plays a conversation up to some byte of it, and ends the connection there. */
async function breakOff(port: number, pieces: Buffer[], random: Seeded): Promise<void> {
  const socket = await openConnection(port).catch(() => null)
  if (!socket) return
  const whole = random.whole(0, pieces.length)
  if (random.chance(0.8)) socket.resume()
  for (const piece of pieces.slice(0, whole)) {
    socket.write(piece)
    // Sometimes the answer comes first, sometimes the end does.
    if (random.chance(0.7)) await Promise.race([answered(socket), pause(random.whole(0, 40))])
  }
  const last = pieces[whole]
  if (last) socket.write(last.subarray(0, random.whole(0, last.length)))
  if (random.chance(0.5)) await pause(random.whole(0, 5))
  if (random.chance(0.8)) socket.resetAndDestroy()
  else if (random.chance(0.5)) socket.destroy()
  else {
    socket.end()
    await pause(random.whole(0, 20))
    socket.resetAndDestroy()
  }
}

function answered(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => {
    socket.once('data', resolve).once('close', resolve)
  })
}

async function breakOffMany(port: number): Promise<void> {
  const random = createSeeded(SEED)
  const names = Object.keys(CONVERSATIONS)
  let left = CONNECTIONS
  async function run(): Promise<void> {
    while (left-- > 0) {
      const name = names[random.whole(0, names.length - 1)] ?? ''
      await breakOff(port, CONVERSATIONS[name] ?? [], random)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, run))
}

describe.each([
  ['directly', false],
  ['through the load balancer', true],
])('connections that break at every byte of every route, %s', (_name, balanced) => {
  test.skipIf(balanced && !hasHaproxy())(
    `leave nothing behind (seed ${SEED})${balanced && !hasHaproxy() ? ' (needs haproxy)' : ''}`,
    async () => {
      const proxy = balanced ? await startHaproxy(target.port) : null
      const port = proxy?.port ?? target.port
      try {
        await expectServed(target.url)
        const before = target.countDescriptors() ?? 0
        await breakOffMany(port)
        await until(() => expectServed(`http://127.0.0.1:${port}`).then(() => true), {
          timeoutMs: 20_000,
          what: 'others to be served',
        })
        expect(target.server.process.exitCode).toBeNull()
        // A connection to the database or two may have come with the load, and those of this test stay for a moment.
        await until(() => (target.countDescriptors() ?? 0) <= before + 12, {
          timeoutMs: 15_000,
          what: 'descriptors to be closed',
        })
        expect(target.strangeLines()).toEqual([])
        expect(target.server.output()).not.toMatch(/"level":(50|60)/)
      } finally {
        await proxy?.close()
      }
    },
    90_000,
  )
})
