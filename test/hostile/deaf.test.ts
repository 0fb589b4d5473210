import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GenerateVideoDocument } from '../../operations/generated/graphql.ts'
import { IMAGE_DATA_URI } from '../api/rig.ts'
import { request } from '../helpers/graphql-client.ts'
import { until } from '../helpers/until.ts'
import { expectServed, openConnection, startTarget, type Target, toFrame, toHead, UPGRADE } from './rig.ts'

const MB = 1024 * 1024
/** What a flood of 300 MB may cost: garbage that is yet to be collected, up to 131 MB of it where the machine is busy. */
const SPARE_BYTES = 200 * MB

let target: Target

beforeAll(async () => {
  // Outside production, where the schema may be asked for.
  target = await startTarget({ NODE_ENV: 'development' })
})

afterAll(() => target.close())

async function openSocket(): Promise<Socket> {
  const socket = await openConnection(target.port)
  socket.write(Buffer.concat([Buffer.from(toHead('GET', '/graphql', UPGRADE)), toText({ type: 'connection_init' })]))
  await once(socket, 'data')
  return socket
}

const toText = (message: unknown) => toFrame(1, JSON.stringify(message))

/** Sends without reading until the server has cut the connection; answers how many bytes it took until then. */
async function flood(socket: Socket, next: (number: number) => Buffer): Promise<number> {
  socket.pause()
  let sent = 0
  for (let number = 0; !socket.destroyed && sent < 300 * MB; number++) {
    const bytes = next(number)
    sent += bytes.length
    await write(socket, bytes)
  }
  expect(socket.destroyed).toBe(true)
  return sent
}

/** Resolves when more can be written, or nothing any more. */
function write(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('close', done)
      resolve()
    }
    socket.once('close', done)
    socket.write(bytes, done)
  })
}

const repeat = (frame: Buffer, times: number) => Buffer.concat(Array.from({ length: times }, () => frame))

describe('a WebSocket that does not read is cut, whatever it sends, and costs little memory', () => {
  const payload = { text: 'x'.repeat(900) }
  const schema = '{ __schema { types { name description } } }'
  test.each<[string, (number: number) => Buffer]>([
    ['pings of the protocol', () => repeat(toText({ type: 'ping', payload }), 50)],
    ['pings of WebSockets', () => repeat(toFrame(9, 'x'.repeat(125)), 500)],
    ['operations that fail', () => repeat(toText({ type: 'subscribe', id: '1', payload: { query: '{' } }), 100)],
    [
      'operations with large answers',
      (number) => toText({ type: 'subscribe', id: `${number}`, payload: { query: schema } }),
    ],
  ])(
    '%s',
    async (_name, next) => {
      const before = target.residentBytes() ?? 0
      const socket = await openSocket()
      let most = 0
      await Promise.all([
        flood(socket, (number) => {
          most = Math.max(most, target.residentBytes() ?? 0)
          return next(number)
        }),
        expectServed(target.url),
      ])
      expect(most - before).toBeLessThan(SPARE_BYTES)
      await expectServed(target.url)
    },
    60_000,
  )
})

describe('a WebSocket costs little memory by', () => {
  /** Sends in the server's own pace until it closes, or all is sent. */
  async function pour(socket: Socket, pieces: Iterable<Buffer>): Promise<void> {
    socket.resume()
    for (const piece of pieces) {
      if (socket.destroyed) return
      await write(socket, piece)
    }
  }
  test.each<[string, () => Buffer[]]>([
    [
      'a million fragments of a byte',
      () => [
        toFrame(1, 'x', { final: false }),
        ...Array.from({ length: 1_000 }, () => repeat(toFrame(0, 'x', { final: false }), 1_000)),
      ],
    ],
    [
      'a million empty fragments',
      () => [
        toFrame(1, '', { final: false }),
        ...Array.from({ length: 1_000 }, () => repeat(toFrame(0, '', { final: false }), 1_000)),
      ],
    ],
    [
      'a million pongs that nobody asked for',
      () => Array.from({ length: 1_000 }, () => repeat(toFrame(10, 'x'), 1_000)),
    ],
    ['a message that is too large', () => [repeat(toFrame(1, 'x'.repeat(300 * 1024)), 1)]],
    ['a message of 100 MB', () => [toFrame(1, Buffer.alloc(100 * MB))]],
    ['text that is no UTF-8', () => [toFrame(1, Buffer.alloc(1_000, 0xff))]],
    ['a million empty messages', () => Array.from({ length: 1_000 }, () => repeat(toFrame(1, ''), 1_000))],
    [
      'a head of a frame that promises a gigabyte',
      () => [Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0]), Buffer.alloc(50 * MB)],
    ],
  ])(
    '%s',
    async (_name, pieces) => {
      const before = target.residentBytes() ?? 0
      const socket = await openSocket()
      await Promise.all([pour(socket, pieces()), expectServed(target.url)])
      expect((target.residentBytes() ?? 0) - before).toBeLessThan(SPARE_BYTES)
      socket.destroy()
    },
    60_000,
  )

  test('large first messages of many sockets', async () => {
    const before = target.residentBytes() ?? 0
    const init = toText({ type: 'connection_init', payload: { token: 'x'.repeat(8_000) } })
    const sockets = await Promise.all(
      Array.from({ length: 500 }, async () => {
        const socket = await openConnection(target.port)
        socket.resume().write(Buffer.concat([Buffer.from(toHead('GET', '/graphql', UPGRADE)), init]))
        return socket
      }),
    )
    await expectServed(target.url)
    expect((target.residentBytes() ?? 0) - before).toBeLessThan(SPARE_BYTES)
    for (const socket of sockets) socket.destroy()
  })
})

test('frames behind an invalid one, and behind messages in progress, do no harm', async () => {
  const pings = repeat(toText({ type: 'ping' }), 1_000)
  const invalidClose = toFrame(8, Buffer.from([0x03, 0xf7]))
  for (let round = 0; round < 20; round++) {
    const socket = (await openSocket()).resume().setNoDelay()
    for (const bytes of [pings, invalidClose, toFrame(8, Buffer.from([0x03, 0xe8])), toText({ type: 'ping' })])
      await write(socket, bytes)
    if (!socket.destroyed) await once(socket, 'close')
  }
  await expectServed(target.url)
})

describe('a connection that is not read is closed after 30 s:', () => {
  const STUCK_MS = 30_000
  const json = { 'content-type': 'application/json', 'graphql-require-preflight': '1' }

  async function generate(imageUrl: string): Promise<string> {
    const { data } = await request(target.url, GenerateVideoDocument, { input: { imageUrl } })
    if (data.generateVideo.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(data))
    return data.generateVideo.job.id
  }

  test.concurrent('an event stream', async () => {
    const aliases = Array.from({ length: 15 }, (_, number) => `a${number}: job { settings { imageUrl } }`).join(' ')
    const feed = JSON.stringify({ query: `subscription { jobFeed { ${aliases} } }` })
    const headers = { ...json, accept: 'text/event-stream', 'content-length': `${feed.length}` }
    const stream = await openConnection(target.port)
    stream.write(toHead('POST', '/graphql', headers) + feed)
    await once(stream, 'data')
    stream.pause()
    await until(async () => (await target.countSubscriptions()) === 1, { what: 'a subscription' })

    const since = performance.now()
    // More than what the kernel keeps for a connection.
    for (let round = 0; round < 40; round++)
      await Promise.all(Array.from({ length: 10 }, () => generate(`https://example.com/${'x'.repeat(1_900)}`)))
    await until(async () => (await target.countSubscriptions()) === 0, {
      timeoutMs: STUCK_MS + 30_000,
      everyMs: 200,
      what: 'the stream to be cut',
    })
    expect(performance.now() - since).toBeGreaterThan(STUCK_MS)
    stream.destroy()
  }, 150_000)

  test.concurrent('a download', async () => {
    const image = Buffer.alloc(8 * MB)
    Buffer.from(IMAGE_DATA_URI.split(',')[1] ?? '', 'base64').copy(image)
    const id = await generate(`data:image/png;base64,${image.toString('base64')}`)
    const path = `/media/images/${Buffer.from(id, 'base64').toString().split(':')[1]}`
    await until(async () => (await fetch(`${target.url}${path}`)).status === 200, {
      timeoutMs: 20_000,
      what: 'the image',
    })

    const sockets = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const socket = await openConnection(target.port)
        socket.write(toHead('GET', path, { 'graphql-require-preflight': '1' }).repeat(3))
        await once(socket, 'data')
        return socket.pause()
      }),
    )
    const isCut = (socket: Socket) => !connectionsOf(target.port).includes(socket.localPort ?? 0)
    const since = performance.now()
    expect(sockets.some(isCut)).toBe(false)
    await until(() => sockets.every(isCut), { timeoutMs: STUCK_MS + 30_000, everyMs: 200, what: 'them to be cut' })
    expect(performance.now() - since).toBeGreaterThan(STUCK_MS - 5_000)
    for (const socket of sockets) socket.destroy()
  }, 150_000)
})

/** The ports of those who are connected to a port, by the kernel: one that does not read does not see that it is cut. */
function connectionsOf(port: number): number[] {
  const local = port.toString(16).toUpperCase().padStart(4, '0')
  const rows = readFileSync('/proc/net/tcp', 'latin1').matchAll(
    /: [\dA-F]{8}:([\dA-F]{4}) [\dA-F]{8}:([\dA-F]{4}) 01 /g,
  )
  return [...rows].filter(([, from]) => from === local).map(([, , to = '']) => Number.parseInt(to, 16))
}

test('none of this logs an error', () => {
  expect(target.strangeLines()).toEqual([])
  expect(target.server.output()).not.toMatch(/"level":(50|60)/)
})
