/** Odd texts, numbers and JSON. JSON is made as text: what no serializer writes (1e400, a key twice) is wanted too. */
import type { Chooser } from './chooser.ts'

/** What is real on the server under test, so that not everything is refused at the first look. */
export interface World {
  /** Ids of jobs that may be canceled and retried. */
  jobIds: readonly string[]
  cursors: readonly string[]
}

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

const WORDS = [
  '',
  ' ',
  'null',
  'undefined',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udc00x',
  '\u202eabc',
  'e\u0301\u0301\u0301',
  '🚀',
  '\ufeff',
  '../../etc/passwd',
  '%00',
  "'; DROP TABLE jobs; --",
  '{"a":1}',
  '-1',
  '1e400',
  'Infinity',
  '2026-02-30T00:00:00Z',
  '0000-00-00T00:00:00Z',
  '275760-09-13T00:00:00.001Z',
  'SUCCEEDED',
]

const NUMBERS = '0 -0 -1 1 1.5 101 1e9 2147483648 -2147483649 9007199254740993 1e308 1e400 -1e400 1e-400 0.1e1'.split(
  ' ',
)

export function makeText(choose: Chooser): string {
  return choose.oneOf([
    [12, () => choose.pick(WORDS)],
    [4, () => 'x'.repeat(choose.pick([255, 256, 1000, 5000]))],
    [0.03, () => choose.pick(['x', '🚀', '\u0000', '"', '\\', '\ud800']).repeat(choose.pick([20_000, 100_000]))],
    [
      3,
      () =>
        Buffer.from(`${choose.pick(['Job', 'Video', 'Query', '__proto__'])}:${makeUuid(choose)}`).toString('base64url'),
    ],
    [3, () => makeUuid(choose)],
    [2, () => String.fromCharCode(...choose.times(1, 30, () => choose.whole(0, 0xffff)))],
  ])
}

export function makeUuid(choose: Chooser): string {
  const hex = choose.times(32, 32, () => choose.whole(0, 15).toString(16)).join('')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

export function makeId(choose: Chooser, world: World): string {
  return choose.chance(0.4) && world.jobIds.length > 0 ? choose.pick(world.jobIds) : makeText(choose)
}

export function makeImageUrl(choose: Chooser): string {
  const uri = (base64: string, type = 'image/png') => `data:${type};base64,${base64}`
  return choose.oneOf([
    [2, () => 'https://example.com/rocket.png'],
    [1, () => uri(PNG)],
    [1, () => uri(makePixelBomb().toString('base64'))],
    [1, () => uri(PNG.slice(0, choose.whole(0, PNG.length)))],
    [1, () => uri(PNG, choose.pick(['image/jpeg', 'image/svg+xml', 'text/html', 'image/png;charset=utf-8', '']))],
    [1, () => uri(`${PNG} \n`)],
    [1, () => `data:,${makeText(choose)}`],
    [0.2, () => uri('A'.repeat(choose.pick([200_000, 1_000_000])))],
    [
      4,
      () =>
        choose.pick([
          'javascript:alert(1)',
          'file:///etc/passwd',
          'http://127.0.0.1/',
          'http://[::1]:1/',
          'http://2130706433/',
          'http://0x7f.1/',
          'http://user:password@example.com/',
          'http://example.com\r\nX: y',
          'http://example.com/\u0000',
          'gopher://example.com/',
          'http://',
          `https://example.com/${'x'.repeat(10_000)}`,
        ]),
    ],
    [2, () => makeText(choose)],
  ])
}

/** A PNG whose header claims 60,000 × 60,000 pixels. */
export function makePixelBomb(): Buffer {
  const bytes = Buffer.from(PNG, 'base64')
  bytes.writeUInt32BE(60_000, 16)
  bytes.writeUInt32BE(60_000, 20)
  return bytes
}

/** The bytes of an upload: images, what pretends to be one, and nothing. */
export function makeFile(choose: Chooser): Buffer {
  const png = Buffer.from(PNG, 'base64')
  return choose.oneOf([
    [2, () => png],
    [1, () => makePixelBomb()],
    [1, () => Buffer.alloc(0)],
    [1, () => png.subarray(0, choose.whole(1, png.length))],
    [1, () => Buffer.concat([png, Buffer.from('<script>alert(1)</script>PK\u0003\u0004')])],
    [1, () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')],
    [1, () => Buffer.from('%PDF-1.7')],
    [1, () => makeBytes(choose, choose.whole(1, 2000))],
  ])
}

export function makeBytes(choose: Chooser, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => choose.whole(0, 255)))
}

/** Any JSON value, as text. */
export function makeJson(choose: Chooser, depth = 3): string {
  const flat: [number, () => string][] = [
    [4, () => JSON.stringify(makeText(choose))],
    [3, () => choose.pick(NUMBERS)],
    [2, () => choose.pick(['null', 'true', 'false'])],
  ]
  if (depth === 0) return choose.oneOf(flat)
  return choose.oneOf([
    ...flat,
    [2, () => `[${choose.times(0, 5, () => makeJson(choose, depth - 1)).join(',')}]`],
    [
      2,
      () =>
        makeObject(
          choose,
          choose.times(0, 5, () => makeText(choose)),
          depth - 1,
        ),
    ],
    [0.02, () => nest(choose.pick([1000, 100_000]), choose.pick(['[]', '{"a":}']))],
    [0.02, () => `[${'0,'.repeat(choose.pick([1000, 100_000]))}0]`],
    [
      0.1,
      () =>
        makeObject(
          choose,
          Array.from({ length: choose.pick([1000, 5000]) }, (_, n) => `key${n}`),
          0,
        ),
    ],
  ])
}

function makeObject(choose: Chooser, keys: string[], depth: number): string {
  return `{${keys.map((key) => `${JSON.stringify(key)}:${makeJson(choose, depth)}`).join(',')}}`
}

/** `[[[]]]`, or `{"a":{"a":0}}`. */
function nest(depth: number, pair: string): string {
  const open = pair.slice(0, -1)
  return open.repeat(depth) + (pair === '[]' ? '' : '0') + pair.slice(-1).repeat(depth)
}
