/** WebSocket conversations as bytes: the messages of graphql-transport-ws in any order, and frames that break RFC 6455. */
import { randomBytes } from 'node:crypto'
import type { Chooser } from './chooser.ts'
import { damage, makeDocument, makeOperation } from './documents.ts'
import { makeRequestText } from './http-requests.ts'
import { makeBytes, makeJson, makeText, type World } from './values.ts'

export interface Conversation {
  handshake: Buffer
  /** A frame each, or a piece of one. */
  frames: Buffer[]
  /** Everything is framed as it should be: the server must answer a ping at the end, or have closed. */
  isWellFramed: boolean
  /** Sends all of it, and reads nothing meanwhile. */
  isDeaf: boolean
  ending: 'reset' | 'end' | 'close'
}

export interface FrameOptions {
  opcode?: number
  fin?: boolean
  /** The three reserved bits, 0 to 7. */
  reserved?: number
  masked?: boolean
  /** What the header says, when that is not the payload's length. */
  declaredLength?: bigint
}

const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10

export function toFrame(payload: Buffer | string, options: FrameOptions = {}): Buffer {
  const { opcode = TEXT, fin = true, reserved = 0, masked = true } = options
  const bytes = Buffer.from(payload)
  const length = options.declaredLength ?? BigInt(bytes.length)
  const size = length < 126n ? 0 : length < 65_536n ? 2 : 8
  const head = Buffer.alloc(2 + size)
  head[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode
  head[1] = (masked ? 0x80 : 0) | (size === 0 ? Number(length) : size === 2 ? 126 : 127)
  if (size === 2) head.writeUInt16BE(Number(length), 2)
  if (size === 8) head.writeBigUInt64BE(length, 2)
  if (!masked) return Buffer.concat([head, bytes])
  const mask = Buffer.from([1, 2, 3, 4])
  return Buffer.concat([head, mask, bytes.map((byte, n) => byte ^ (mask[n % 4] ?? 0))])
}

export function toHandshake(
  host: string,
  { path = '/graphql', headers = {} }: { path?: string; headers?: Record<string, string> } = {},
): Buffer {
  const all: Record<string, string> = {
    Host: host,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    'Sec-WebSocket-Protocol': 'graphql-transport-ws',
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return Buffer.from([`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n'))
}

export function makeConversation(choose: Chooser, world: World, host: string): Conversation {
  const handshake = choose.chance(0.95) ? toHandshake(host) : toHandshake(host, makeOddHandshake(choose))
  const isDeaf = choose.chance(0.01)
  const frames = [
    ...(choose.chance(0.85) ? [message('connection_init', {})] : []),
    ...choose.times(0, 16, () => makeMessageFrames(choose, world)).flat(),
  ]
  if (isDeaf)
    for (let left = 100; left > 0; left--) frames.push(message('ping', { payload: JSON.stringify('x'.repeat(900)) }))
  const broken = choose.chance(0.3) ? makeBrokenFrames(choose) : []
  const at = choose.whole(0, frames.length)
  return {
    handshake,
    frames: [...frames.slice(0, at), ...broken, ...frames.slice(at)],
    isWellFramed: broken.length === 0 && !isDeaf,
    isDeaf,
    ending: choose.pick(['reset', 'end', 'close']),
  }
}

function makeOddHandshake(choose: Chooser): { path?: string; headers?: Record<string, string> } {
  return choose.pick([
    { path: '/' },
    { path: `/graphql?${'x'.repeat(2000)}` },
    { path: '/graphql/' },
    { headers: { Origin: 'https://evil.example' } },
    { headers: { Origin: 'null' } },
    { headers: { Host: 'evil.example' } },
    { headers: { 'Sec-WebSocket-Protocol': 'graphql-ws' } },
    { headers: { 'Sec-WebSocket-Protocol': ',,,' } },
    { headers: { 'Sec-WebSocket-Version': '99' } },
    { headers: { 'Sec-WebSocket-Key': 'short' } },
    { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits=99' } },
    { headers: { Upgrade: 'h2c' } },
    { headers: { 'Content-Length': '10' } },
    { headers: { 'X-Long': 'y'.repeat(20_000) } },
  ])
}

function makeMessageFrames(choose: Chooser, world: World): Buffer[] {
  const text = choose.chance(0.93) ? makeMessage(choose, world) : damage(choose, makeMessage(choose, world))
  const bytes = Buffer.from(text.toWellFormed())
  return choose.oneOf([
    [10, () => [toFrame(bytes)]],
    [1, () => [toFrame(bytes, { opcode: BINARY })]],
    [1, () => fragment(choose, bytes)],
    [0.5, () => [toFrame(makeBytes(choose, choose.whole(0, 125)), { opcode: choose.pick([PING, PONG]) })]],
  ])
}

function makeMessage(choose: Chooser, world: World): string {
  const id = (): string =>
    choose.oneOf([
      [12, () => JSON.stringify(String(choose.whole(1, 9)))],
      [2, () => JSON.stringify(makeText(choose))],
      [0.5, () => choose.pick(['""', '1', 'null', '{}', `"${'i'.repeat(100_000)}"`])],
    ])
  const payload = (): string =>
    choose.chance(0.9) ? makeRequestText(choose, world, makeOperation(choose, world)) : makeJson(choose)
  const plain = (): string => makeRequestText(choose, world, { query: makeDocument(choose, world), variables: [] })
  return choose.oneOf([
    [8, () => `{"type":"subscribe","id":${id()},"payload":${payload()}}`],
    [4, () => `{"type":"subscribe","id":${id()},"payload":${plain()}}`],
    [2, () => `{"id":${id()},"type":"subscribe","payload":{"query":"subscription { jobFeed { sequence } }"}}`],
    [3, () => `{"type":"complete","id":${id()}}`],
    [2, () => `{"type":"ping"${choose.chance(0.5) ? `,"payload":${makeJson(choose)}` : ''}}`],
    [1, () => `{"type":"pong","payload":${makeJson(choose, 1)}}`],
    [0.3, () => `{"type":"connection_init","payload":${makeJson(choose)}}`],
    [
      0.3,
      () =>
        `{"type":"${choose.pick(['next', 'error', 'connection_ack', 'start', 'stop', 'nonsense', '__proto__'])}","id":${id()},"payload":${makeJson(choose, 1)}}`,
    ],
    [0.3, () => makeJson(choose)],
    [0.2, () => makeText(choose)],
  ])
}

function message(type: string, { payload }: { payload?: string }): Buffer {
  return toFrame(`{"type":"${type}"${payload === undefined ? '' : `,"payload":${payload}`}}`)
}

/** One message in two to twenty frames, a ping between some of them. */
function fragment(choose: Chooser, bytes: Buffer): Buffer[] {
  const count = choose.whole(2, 20)
  const size = Math.max(1, Math.ceil(bytes.length / count))
  const frames: Buffer[] = []
  for (let n = 0; n < count; n++) {
    const part = bytes.subarray(n * size, (n + 1) * size)
    frames.push(toFrame(part, { opcode: n === 0 ? TEXT : 0, fin: n === count - 1 }))
    if (choose.chance(0.1) && n < count - 1) frames.push(toFrame('', { opcode: PING }))
  }
  return frames
}

function makeBrokenFrames(choose: Chooser): Buffer[] {
  const bytes = makeBytes(choose, choose.whole(0, 200))
  return choose.oneOf<Buffer[]>([
    [1, () => [toFrame('{"type":"ping"}', { masked: false })]],
    [1, () => [toFrame('{"type":"ping"}', { reserved: choose.whole(1, 7) })]],
    [1, () => [toFrame(bytes, { opcode: choose.pick([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) })]],
    [1, () => [toFrame(Buffer.alloc(126), { opcode: choose.pick([CLOSE, PING, PONG]) })]],
    [1, () => [toFrame('', { opcode: choose.pick([CLOSE, PING, PONG]), fin: false })]],
    [1, () => [toFrame(bytes, { opcode: 0 })]],
    [1, () => [toFrame('{"type":', { fin: false }), toFrame('{"type":"ping"}')]],
    [
      1,
      () => [
        toFrame('', {
          declaredLength: choose.pick([256n * 1024n + 1n, 2n ** 31n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 64n - 1n]),
        }),
      ],
    ],
    [1, () => [toFrame(Buffer.from([0xff, 0xfe, 0xc0, 0x80]))]],
    [1, () => [toFrame(makeClosePayload(choose), { opcode: CLOSE })]],
    [1, () => [toFrame('{"type":"ping"}').subarray(0, choose.whole(1, 15))]],
    [1, () => [bytes]],
    [0.1, () => Array.from({ length: 2000 }, (_, n) => toFrame('', { opcode: n === 0 ? TEXT : 0, fin: false }))],
    [0.1, () => [toFrame(Buffer.alloc(300 * 1024, 0x20))]],
  ])
}

function makeClosePayload(choose: Chooser): Buffer {
  const code = Buffer.alloc(2)
  code.writeUInt16BE(choose.pick([0, 999, 1000, 1001, 1004, 1005, 1006, 1015, 2999, 4000, 4400, 5000, 65_535]))
  return choose.pick([
    Buffer.alloc(1),
    code,
    Buffer.concat([code, Buffer.from([0xff, 0xfe])]),
    Buffer.concat([code, Buffer.from('bye')]),
  ])
}
