/** What strangers make the server hold, beside the bodies of requests: none of it may end a process of 700 MB. */
import type { Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { GenerateVideoDocument } from '../../operations/generated/graphql.ts'
import { parseJobId } from '../../src/resolvers/ids.ts'
import { IMAGE_DATA_URI } from '../api/rig.ts'
import { request } from '../helpers/graphql-client.ts'
import { until } from '../helpers/until.ts'
import { expectServed, openConnection, startTarget, type Target, toFrame, toHead, UPGRADE } from './rig.ts'

const MB = 1024 * 1024
/** V8's heap is limited to 450 MB, and what is not on it by this. */
const MAX_RESIDENT_BYTES = 700 * MB

let target: Target

beforeAll(async () => {
  target = await startTarget({ NODE_OPTIONS: '--max-old-space-size=450' })
})

afterAll(() => target.close())

async function openSocket(): Promise<Socket> {
  const socket = await openConnection(target.port)
  socket.write(toHead('GET', '/graphql', UPGRADE))
  socket.write(toFrame(1, '{"type":"connection_init"}'))
  return socket
}

/** Opens as many as asked for, unless the server has had enough of them. */
async function openMany(count: number, open: () => Promise<Socket>): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let opened = 0; opened < count; opened += 10)
    sockets.push(...(await Promise.all(Array.from({ length: 10 }, () => open()))))
  return sockets
}

async function expectUnharmed(sockets: Socket[]): Promise<void> {
  await expectServed(target.url)
  expect(target.residentBytes() ?? 0).toBeLessThan(MAX_RESIDENT_BYTES)
  for (const socket of sockets) socket.destroy()
  await until(async () => (await target.countSubscriptions()) === 0, { timeoutMs: 30_000 })
}

test('variables that no operation declares are not kept with a subscription', async () => {
  const objects = `[${'{},'.repeat(86_000)}{}]`
  const toMessage = (id: number) =>
    `{"type":"subscribe","id":"${id}","payload":{"query":"subscription { jobFeed { cursor } }","variables":{"x":${objects}}}}`
  const sockets = await openMany(40, async () => {
    const socket = await openSocket()
    for (let id = 0; id < 4; id++) socket.write(toFrame(1, toMessage(id)))
    return socket.resume()
  })
  await expectUnharmed(sockets)
}, 60_000)

test('messages that are never whole', async () => {
  const part = toFrame(1, 'x'.repeat(260_000), { final: false })
  const sockets = await openMany(2_000, async () => {
    const socket = (await openSocket()).resume()
    socket.write(part)
    return socket
  })
  await expectUnharmed(sockets)
}, 60_000)

test('bodies that come a byte at a time', async () => {
  const headers = {
    'content-type': 'multipart/form-data; boundary=x',
    'graphql-require-preflight': '1',
    'transfer-encoding': 'chunked',
  }
  const chunks = '1\r\nx\r\n'.repeat(10_000)
  const sockets = await openMany(10, async () => {
    const socket = (await openConnection(target.port)).resume()
    socket.write(toHead('POST', '/graphql', headers))
    for (let sent = 0; sent < 50 && !socket.destroyed; sent++) socket.write(chunks)
    return socket
  })
  await expectUnharmed(sockets)
}, 60_000)

test('large responses to clients that do not read', async () => {
  const imageUrl = `https://example.com/${'a'.repeat(8_000)}.png`
  const generate = 'mutation ($u: URL!) { generateVideo(input: { imageUrl: $u }) { __typename } }'
  await Promise.all(Array.from({ length: 100 }, () => request(target.url, generate, { u: imageUrl })))
  const aliases = (count: number) => Array.from({ length: count }, (_, index) => `a${index}: imageUrl`).join(' ')
  const toQuery = (count: number) => `{ jobs(first: 100) { edges { node { settings { ${aliases(count)} } } } } }`
  const { errors } = await request(target.url, toQuery(13))
  expect(errors[0]?.extensions.code).toBe('QUERY_TOO_COMPLEX')

  const body = JSON.stringify({ query: toQuery(4) })
  const headers = { 'content-type': 'application/json', 'content-length': String(body.length) }
  const sockets = await openMany(100, async () => {
    const socket = (await openConnection(target.port)).pause()
    socket.write(toHead('POST', '/graphql', headers) + body)
    return socket
  })
  await expectUnharmed(sockets)
}, 60_000)

test('images to clients that do not read', async () => {
  const image = Buffer.alloc(9 * MB, 0x5a)
  Buffer.from(IMAGE_DATA_URI.replace(/^.*,/, ''), 'base64').copy(image)
  const input = { imageUrl: `data:image/png;base64,${image.toString('base64')}` }
  const { data } = await request(target.url, GenerateVideoDocument, { input })
  if (data.generateVideo.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(data))
  const path = `/media/images/${parseJobId(data.generateVideo.job.id)}`
  const sockets = await openMany(400, async () => {
    const socket = (await openConnection(target.port)).pause()
    socket.write(toHead('GET', path))
    return socket
  })
  const isRefused = async () => {
    const response = await fetch(`${target.url}${path}`)
    await response.body?.cancel()
    return response.status === 503
  }
  await until(isRefused, { timeoutMs: 30_000 })
  await expectUnharmed(sockets)
}, 60_000)

test('a body that its sender cuts is no outage of the database', async () => {
  const socket = await openConnection(target.port)
  const headers = { 'content-type': 'application/json', 'content-length': '1000' }
  socket.write(`${toHead('POST', '/graphql', headers)}{"query"`)
  await expectServed(target.url)
  socket.resetAndDestroy()
  await expectServed(target.url)
  expect(target.server.output()).not.toMatch(/graphql: the database is unavailable or slow: (aborted|.*ECONNRESET)/)
})
