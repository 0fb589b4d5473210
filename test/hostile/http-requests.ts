/** HTTP requests as bytes: what a library would refuse to send is wanted as well. */
import type { Chooser } from './chooser.ts'
import { damage, makeOperation, type Operation } from './documents.ts'
import { makeBytes, makeFile, makeId, makeImageUrl, makeJson, makeText, makeUuid, type World } from './values.ts'

export interface HttpRequest {
  method: string
  /** Written one after the other. */
  pieces: Buffer[]
  /** It is framed as RFC 9112 says and ends: there must be an answer. Of any other the connection may just be closed. */
  isWhole: boolean
  /** Its Origin or Host is a stranger's: GraphQL must not be served. */
  isForeign: boolean
}

interface Body {
  bytes: Buffer
  type: string | null
}

const JSON_TYPES = ['application/json', 'application/json; charset=utf-8', 'application/graphql-response+json']
const OTHER_TYPES = [
  'application/json; charset=utf-16',
  'application/json; charset=nonsense',
  'application/json;;;',
  'APPLICATION/JSON',
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/graphql',
  'multipart/form-data',
  'multipart/mixed; boundary=x',
  'application/xml',
  'text/plain; application/json',
  '*/*',
  `application/json; x=${'y'.repeat(2000)}`,
]
const ORIGINS = [
  'https://evil.example',
  'null',
  'https://app.example.com.evil.example',
  'http://app.example.com',
  'x',
  '',
]
const HOSTS = [
  'evil.example',
  'video.example.com.evil.example',
  'metadata.google.internal',
  'localhost.evil.example',
  'localhost.',
]
const ACCEPTS = [
  '*/*',
  'application/json',
  'application/graphql-response+json',
  'text/event-stream',
  'multipart/mixed',
  'text/html',
  'image/png',
  ',;q=',
]

export function makeHttpRequest(choose: Chooser, world: World, host: string): HttpRequest {
  return choose.oneOf([
    [10, () => makeGraphQLPost(choose, world, host)],
    [2, () => makeGet(choose, world, host)],
    [2, () => makeOther(choose, host)],
  ])
}

function makeGraphQLPost(choose: Chooser, world: World, host: string): HttpRequest {
  const body = choose.oneOf([
    [8, () => makeJsonBody(choose, world)],
    [2, () => makeMultipart(choose, world)],
    [
      1,
      () => ({
        bytes: Buffer.from(
          new URLSearchParams({ query: makeOperation(choose, world).query.toWellFormed() }).toString(),
        ),
        type: 'application/x-www-form-urlencoded',
      }),
    ],
    [1, () => ({ bytes: makeBytes(choose, choose.whole(0, 300)), type: choose.pick(OTHER_TYPES) })],
  ])
  const method = choose.chance(0.95) ? 'POST' : choose.pick(['PUT', 'PATCH', 'DELETE', 'QUERY', 'GET'])
  return assemble(choose, { method, target: choose.chance(0.97) ? '/graphql' : makeTarget(choose), host, body })
}

function makeGet(choose: Chooser, world: World, host: string): HttpRequest {
  const { query } = makeOperation(choose, world)
  const search = new URLSearchParams({ query: query.slice(0, choose.pick([2000, 2000, 10_000])).toWellFormed() })
  if (choose.chance(0.3)) search.set('variables', makeJson(choose).slice(0, 2000).toWellFormed())
  if (choose.chance(0.1)) search.append('query', '{ __typename }')
  return assemble(choose, {
    method: choose.pick(['GET', 'GET', 'HEAD', 'OPTIONS']),
    target: `/graphql?${search}`,
    host,
    body: null,
  })
}

/** Every other route, and what is none. */
function makeOther(choose: Chooser, host: string): HttpRequest {
  const method = choose.pick(['GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'])
  const body = method === 'POST' ? { bytes: makeBytes(choose, choose.whole(0, 500)), type: 'application/json' } : null
  return assemble(choose, { method, target: makeTarget(choose), host, body })
}

function makeTarget(choose: Chooser): string {
  const text = encodeURIComponent(makeText(choose).slice(0, 500).toWellFormed())
  return choose.oneOf([
    [2, () => `/media/images/${choose.pick([makeUuid(choose), text, '..%2f..%2fetc%2fpasswd', ''])}`],
    [
      2,
      () =>
        `/webhooks/fal?job=${choose.pick([makeUuid(choose), text])}&mac=${choose.pick(['', text, 'ab'.repeat(32)])}`,
    ],
    [
      1,
      () =>
        choose.pick([
          '/',
          '/healthz',
          '/readyz',
          '/jobs/x',
          '/assets/x.js',
          '/assets/..%2findex.html',
          '/graphql/',
          '/GRAPHQL',
          '//graphql',
          '/graphql?',
        ]),
    ],
    [1, () => `/${text}`],
    [
      1,
      () =>
        choose.pick([
          '/%',
          '/%zz',
          '/%c0%ae',
          '*',
          '/a b',
          `/${'x'.repeat(5000)}`,
          '/assets/%00',
          '/?__proto__[x]=1',
          '/\\',
          '/.git/config',
        ]),
    ],
  ])
}

function makeJsonBody(choose: Chooser, world: World): Body {
  const text = choose.oneOf([
    [10, () => makeRequestText(choose, world, makeOperation(choose, world))],
    [3, () => damage(choose, makeRequestText(choose, world, makeOperation(choose, world)))],
    [1, () => makeJson(choose)],
    [1, () => `[${choose.times(1, 12, () => '{"query":"{ __typename }"}').join(',')}]`],
    [0.5, () => '{"query":"{ __typename }","query":"{ jobs { totalCount } }","__proto__":{"x":1}}'],
    [0.02, () => '{"query":"{ __typename }"}'.padEnd(choose.pick([257, 1024, 16 * 1024]) * 1024)],
  ])
  const bytes = choose.oneOf([
    [12, () => Buffer.from(text.toWellFormed())],
    [0.5, () => Buffer.from(`\ufeff${text}`)],
    [0.5, () => Buffer.from(text, 'utf16le')],
    [0.5, () => Buffer.from(text, 'latin1')],
    [0.5, () => Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from([0xff, 0xc0, 0x80])])],
  ])
  return {
    bytes,
    type: choose.chance(0.9) ? choose.pick(JSON_TYPES) : choose.chance(0.8) ? choose.pick(OTHER_TYPES) : null,
  }
}

/** The JSON of a GraphQL request. */
export function makeRequestText(choose: Chooser, world: World, { query, variables }: Operation): string {
  const members = [`"query":${choose.chance(0.97) ? JSON.stringify(query) : makeJson(choose)}`]
  if (variables.length > 0 || choose.chance(0.1)) members.push(`"variables":${makeVariables(choose, world, variables)}`)
  if (choose.chance(0.1)) members.push(`"operationName":${makeJson(choose, 1)}`)
  if (choose.chance(0.1))
    members.push(
      `"extensions":${choose.chance(0.5) ? makeJson(choose) : '{"persistedQuery":{"version":1,"sha256Hash":"x"}}'}`,
    )
  if (choose.chance(0.05)) members.push(`${JSON.stringify(makeText(choose))}:${makeJson(choose, 1)}`)
  return `{${members.join(',')}}`
}

function makeVariables(choose: Chooser, world: World, names: string[]): string {
  if (choose.chance(0.1)) return makeJson(choose)
  const values = names.map((name) => `${JSON.stringify(name)}:${makeVariable(choose, world, name)}`)
  if (choose.chance(0.1)) values.push(`"__proto__":${makeJson(choose, 1)}`)
  return `{${values.join(',')}}`
}

function makeVariable(choose: Chooser, world: World, name: string): string {
  if (choose.chance(0.3)) return makeJson(choose)
  if (name === 'id') return JSON.stringify(makeId(choose, world))
  if (name === 'ids') return JSON.stringify(choose.times(0, 5, () => makeId(choose, world)))
  if (name === 'first') return choose.pick(['-1', '0', '1', '100', '101', '1e9'])
  if (name === 'after' && world.cursors.length > 0) return JSON.stringify(choose.pick(world.cursors))
  if (name === 'filter') return `{"status":["SUCCEEDED"],"createdAfter":${makeJson(choose, 1)}}`
  if (name === 'file') return 'null'
  if (name !== 'input') return JSON.stringify(makeText(choose))
  const input = [`"imageUrl":${JSON.stringify(makeImageUrl(choose))}`]
  for (const key of ['seed', 'fps', 'motionBucketId', 'condAug', 'idempotencyKey', '__proto__', 'unknown'])
    if (choose.chance(0.2)) input.push(`"${key}":${makeJson(choose, 1)}`)
  return `{${input.join(',')}}`
}

/** A GraphQL multipart request, well made or odd in its parts, its map and its boundary. */
function makeMultipart(choose: Chooser, world: World): Body {
  const boundary = choose.pick(['x', '----form', 'a'.repeat(70), "'()+_,-./:=?"])
  const query = 'mutation($file: File!) { uploadImage(file: $file) { __typename ... on UserError { message } } }'
  const operations = choose.chance(0.7)
    ? JSON.stringify({ query, variables: { file: null } })
    : makeRequestText(choose, world, makeOperation(choose, world))
  const map = choose.oneOf([
    [5, () => '{"0":["variables.file"]}'],
    [
      1,
      () =>
        choose.pick([
          '{',
          '[]',
          'null',
          '{"0":[]}',
          '{"0":["variables.__proto__.x"]}',
          '{"0":["constructor.prototype.x"]}',
          '{"0":["variables.file.a.b.c"]}',
          '{"0":"variables.file"}',
          '{"1":["variables.file"]}',
          `{"0":[${'"variables.file",'.repeat(500)}"x"]}`,
        ]),
    ],
    [1, () => makeJson(choose)],
  ])
  const part = (name: string, content: string | Buffer, more = '') =>
    Buffer.concat([
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n`),
      Buffer.from(content),
      Buffer.from('\r\n'),
    ])
  const parts = [part('operations', operations.toWellFormed()), part('map', map.toWellFormed())]
  for (let left = choose.pick([0, 1, 1, 1, 1, 2, 100]); left > 0; left--)
    parts.push(
      part(
        choose.pick(['0', '0', '1', '__proto__', '']),
        makeFile(choose),
        choose.pick([
          '; filename="a.png"\r\nContent-Type: image/png',
          '; filename="../../x"',
          '',
          "; filename*=UTF-8''%00",
        ]),
      ),
    )
  if (choose.chance(0.15)) parts.reverse()
  const end = choose.chance(0.85) ? `--${boundary}--\r\n` : choose.pick(['', `--${boundary}`, '--other--\r\n'])
  const type = choose.chance(0.9)
    ? `multipart/form-data; boundary="${boundary}"`
    : choose.pick(['multipart/form-data', 'multipart/form-data; boundary=', 'multipart/form-data; boundary=other'])
  return { bytes: Buffer.concat([...parts, Buffer.from(end)]), type }
}

interface Parts {
  method: string
  target: string
  host: string
  body: Body | null
}

function assemble(choose: Chooser, { method, target, host, body }: Parts): HttpRequest {
  const headers: [string, string][] = []
  let isForeign = false
  let isWhole = /^[\x21-\x7e]+$/.test(target) && target.startsWith('/')
  if (choose.chance(0.03)) {
    headers.push(['Host', choose.pick(HOSTS)])
    isForeign = true
  } else if (choose.chance(0.01)) {
    isWhole = false
    for (const _time of choose.times(0, 2, () => 0).slice(1)) headers.push(['Host', host], ['Host', 'evil.example'])
  } else headers.push(['Host', choose.chance(0.9) ? host : 'video.example.com'])
  if (choose.chance(0.05)) {
    headers.push(['Origin', choose.pick(ORIGINS)])
    isForeign = true
  } else if (choose.chance(0.1)) headers.push(['Origin', 'https://app.example.com'])
  if (choose.chance(0.8)) headers.push(['GraphQL-Require-Preflight', '1'])
  headers.push(['Accept', choose.chance(0.8) ? choose.pick(ACCEPTS.slice(0, 4)) : choose.pick(ACCEPTS)])
  if (choose.chance(0.1)) headers.push(...makeOddHeaders(choose))
  if (choose.chance(0.01)) {
    isWhole = false
    headers.push(
      choose.pick<[string, string]>([
        ['X', 'y'.repeat(20_000)],
        ['X y', 'z'],
        ['', 'x'],
        ['Transfer-Encoding', 'gzip'],
        ['Connection', 'Upgrade'],
        ['Expect', 'nonsense'],
      ]),
    )
  }
  if (body?.type != null) headers.push(['Content-Type', body.type])
  const bytes = body?.bytes ?? Buffer.alloc(0)
  const framing = choose.oneOf<'exact' | 'chunked' | 'odd'>([
    [20, () => 'exact'],
    [3, () => 'chunked'],
    [1, () => 'odd'],
  ])
  const framed =
    framing === 'odd'
      ? frameOddly(choose, bytes)
      : framing === 'chunked' && bytes.length > 0
        ? frameChunked(choose, bytes)
        : frameExactly(bytes)
  const version = choose.chance(0.99) ? 'HTTP/1.1' : choose.pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'http/1.1', ''])
  const lines = [
    `${method} ${target} ${version}`,
    ...[...headers, ...framed.headers].map(([name, value]) => `${name}: ${value}`),
  ]
  const whole = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), framed.bytes])
  return {
    method,
    pieces: cut(choose, whole),
    isWhole: isWhole && framing !== 'odd' && version === 'HTTP/1.1',
    isForeign,
  }
}

function makeOddHeaders(choose: Chooser): [string, string][] {
  return choose.pick<[string, string][]>([
    [['Content-Encoding', 'gzip']],
    [['Content-Encoding', 'br, gzip, deflate']],
    [
      ['X-Forwarded-Host', 'evil.example'],
      ['X-Forwarded-For', '127.0.0.1'],
      ['X-HTTP-Method-Override', 'DELETE'],
    ],
    [['Cookie', 'x'.repeat(4000)]],
    [['Range', 'bytes=0-0,-1,5-2']],
    [
      ['If-None-Match', '*'],
      ['If-Modified-Since', 'nonsense'],
    ],
    [['Expect', '100-continue']],
    [['Last-Event-ID', 'x'.repeat(1000)]],
    [
      ['traceparent', '00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-01'],
      ['baggage', 'x'.repeat(3000)],
    ],
    Array.from({ length: 90 }, (_, n): [string, string] => [`X-${n}`, String(n)]),
    [['Authorization', `Bearer ${'e'.repeat(3000)}`]],
    [
      ['Access-Control-Request-Method', 'POST'],
      ['Access-Control-Request-Headers', 'content-type'],
    ],
    [
      ['Upgrade', 'h2c'],
      ['HTTP2-Settings', 'AAMAAABkAAQAoAAAAAIAAAAA'],
    ],
  ])
}

interface Framed {
  headers: [string, string][]
  bytes: Buffer
}

function frameExactly(bytes: Buffer): Framed {
  return { headers: bytes.length > 0 ? [['Content-Length', String(bytes.length)]] : [], bytes }
}

function frameChunked(choose: Chooser, bytes: Buffer): Framed {
  const extension = choose.chance(0.1) ? ';x=y' : ''
  const trailers = choose.chance(0.1) ? 'X-Trailer: y\r\n' : ''
  const chunks = cut(choose, bytes).flatMap((chunk) => [
    Buffer.from(`${chunk.length.toString(16)}${extension}\r\n`),
    chunk,
    Buffer.from('\r\n'),
  ])
  return {
    headers: [['Transfer-Encoding', 'chunked']],
    bytes: Buffer.concat([...chunks, Buffer.from(`0\r\n${trailers}\r\n`)]),
  }
}

/** A length that is not the body's, or that is said in two ways. */
function frameOddly(choose: Chooser, bytes: Buffer): Framed {
  const length = bytes.length
  const chunked: [string, string] = ['Transfer-Encoding', 'chunked']
  const headers = choose.pick<[string, string][]>([
    [['Content-Length', String(length + 10)]],
    [['Content-Length', String(Math.max(0, length - 10))]],
    [['Content-Length', '-1']],
    [['Content-Length', `+${length}`]],
    [['Content-Length', `0x${length.toString(16)}`]],
    [['Content-Length', '99999999999999999999']],
    [
      ['Content-Length', String(length)],
      ['Content-Length', '0'],
    ],
    [['Content-Length', String(length)], chunked],
    [chunked, ['Transfer-Encoding', 'identity']],
    [['Transfer-Encoding', 'xchunked']],
    [chunked],
    [],
  ])
  const body = choose.oneOf([
    [2, () => bytes],
    [
      1,
      () =>
        Buffer.concat([
          Buffer.from(choose.pick(['ffffffffffffffff\r\n', 'zz\r\n', '-5\r\n', `5;${'x'.repeat(20_000)}\r\n`, '5\n'])),
          bytes,
        ]),
    ],
    [1, () => bytes.subarray(0, Math.floor(length / 2))],
  ])
  return { headers, bytes: body }
}

/** Into one to four pieces. */
function cut(choose: Chooser, bytes: Buffer): Buffer[] {
  const at = [
    0,
    ...choose.times(0, choose.pick([0, 0, 3]), () => choose.whole(0, bytes.length)),
    bytes.length,
  ].toSorted((a, b) => a - b)
  return at
    .slice(1)
    .map((end, n) => bytes.subarray(at[n], end))
    .filter((piece) => piece.length > 0)
}
