import { once } from 'node:events'
import { connect } from 'node:net'
import pg from 'pg'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CancelJobDocument, GenerateVideoDocument, RetryJobDocument } from '../../operations/generated/graphql.ts'
import { request } from '../helpers/graphql-client.ts'
import { startTestSandbox } from '../helpers/sandbox.ts'
import { until } from '../helpers/until.ts'
import { openRig, type Rig } from './rig.ts'

const MAX_IMAGE_BYTES = 10 * 1024 * 1024

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ fal: {} })
})

afterAll(async () => {
  await rig.close()
})

/** A small image of one colour. */
function draw(): Promise<Buffer> {
  return sharp({ create: { width: 64, height: 36, channels: 3, background: '#396' } })
    .png()
    .toBuffer()
}

const toDataUri = (type: string, bytes: Buffer) => `data:${type};base64,${bytes.toString('base64')}`
const fetchBytes = async (url: string) => Buffer.from(await (await fetch(url)).arrayBuffer())

async function countImages(databaseUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query('SELECT count(*)::int AS count FROM "JobImage"')
    return rows[0].count
  } finally {
    await client.end()
  }
}

test('an image in a data URI is served here until it is uploaded to fal, and is then removed from the database', async () => {
  const bytes = await draw()
  const withoutFal = await openRig({ fal: 'unavailable' })
  try {
    const { id, settings } = await withoutFal.generate({ imageUrl: toDataUri('image/png', bytes) })
    expect(settings.imageUrl).toMatch(new RegExp(`^${withoutFal.url}/media/images/[0-9a-f-]{36}$`))
    const shown = await fetch(settings.imageUrl)
    expect({ status: shown.status, type: shown.headers.get('content-type') }).toEqual({
      status: 200,
      type: 'image/png',
    })
    expect(shown.headers.get('x-content-type-options')).toBe('nosniff')
    expect(Buffer.from(await shown.arrayBuffer())).toEqual(bytes)
    expect(await countImages(withoutFal.databaseUrl)).toBe(1)

    const sandbox = await startTestSandbox({ port: Number(new URL(withoutFal.falUrl).port), stepMs: 5 })
    try {
      const { settings: now } = await until(
        async () => {
          const job = await withoutFal.readJob(id)
          return job.settings.imageUrl.startsWith(`${sandbox.url}/`) ? job : null
        },
        { timeoutMs: 20_000, what: 'the image to be at fal' },
      )
      expect(await fetchBytes(now.imageUrl)).toEqual(bytes)
      expect(await countImages(withoutFal.databaseUrl)).toBe(0)
      expect((await fetch(settings.imageUrl, { redirect: 'manual' })).status).toBe(404)
    } finally {
      await sandbox.stop()
    }
  } finally {
    await withoutFal.close()
  }
})

test('a job with an image URL has no image here, and does not redirect to that URL', async () => {
  const { id } = await rig.generate({ imageUrl: 'https://elsewhere.test/login' })
  for (const method of ['GET', 'HEAD']) {
    const answer = await fetch(`${rig.url}/media/images/${id}`, { method, redirect: 'manual' })
    expect([answer.status, answer.headers.get('location')]).toEqual([404, null])
  }
})

describe('a stored image of 10 MiB', () => {
  let withoutFal: Rig
  let bytes: Buffer
  let url: string

  beforeAll(async () => {
    withoutFal = await openRig({ fal: 'unavailable' })
    // Zeros: stored compressed, each piece of them would take decompressing all before it.
    bytes = Buffer.concat([await draw()], MAX_IMAGE_BYTES)
    const { settings } = await withoutFal.generate({ imageUrl: toDataUri('image/png', bytes) })
    url = settings.imageUrl
  })
  afterAll(() => withoutFal.close())

  test('is sent whole, with its length and headers that keep it an image', async () => {
    const answer = await fetch(url)
    expect(answer.status).toBe(200)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(MAX_IMAGE_BYTES),
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      'cache-control': 'private, no-cache',
    })
    expect(bytes.equals(Buffer.from(await answer.arrayBuffer()))).toBe(true)
  })

  test('answers HEAD without a body, and 304 to clients that have it', async () => {
    const head = await fetch(url, { method: 'HEAD' })
    const etag = String(head.headers.get('etag'))
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
      200,
      String(MAX_IMAGE_BYTES),
      '',
    ])
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await fetch(url, { headers: { 'if-none-match': known } })
      expect([answer.status, answer.headers.get('etag'), await answer.text()]).toEqual([304, etag, ''])
    }
    const other = await fetch(url, { headers: { 'if-none-match': '"other"' } })
    expect(other.status).toBe(200)
    await other.body?.cancel()
  })

  test('costs little for fifty who do not read', async () => {
    const before = process.memoryUsage().rss
    const { hostname, port, pathname } = new URL(url)
    const sockets = Array.from({ length: 50 }, () => {
      const socket = connect(Number(port), hostname)
      socket.on('error', () => {})
      socket.once('data', () => socket.pause())
      socket.write(`GET ${pathname} HTTP/1.1\r\nhost: ${hostname}:${port}\r\n\r\n`)
      return socket
    })
    try {
      await Promise.all(sockets.map((socket) => once(socket, 'data')))
      // Everybody else is served meanwhile.
      expect(bytes.equals(await fetchBytes(url))).toBe(true)
      expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024)
    } finally {
      for (const socket of sockets) socket.destroy()
    }
  })
})

test('an image is no longer served once its job has ended, and is kept for a retry', async () => {
  const withoutFal = await openRig({ fal: 'unavailable' })
  try {
    const bytes = await draw()
    const { id, settings } = await withoutFal.generate({ imageUrl: toDataUri('image/png', bytes) })
    expect(await fetchBytes(settings.imageUrl)).toEqual(bytes)
    const canceled = await request(withoutFal.url, CancelJobDocument, { id })
    expect(canceled.data.cancelJob.__typename).toBe('CancelJobSuccess')
    for (const method of ['GET', 'HEAD']) expect((await fetch(settings.imageUrl, { method })).status).toBe(404)
    const { data } = await request(withoutFal.url, RetryJobDocument, { id })
    if (data.retryJob.__typename !== 'GenerateVideoSuccess') expect.unreachable(JSON.stringify(data))
    expect(await fetchBytes(data.retryJob.job.settings.imageUrl)).toEqual(bytes)
  } finally {
    await withoutFal.close()
  }
})

test('an unknown job and a malformed id have no image', async () => {
  for (const id of ['01890000-0000-7000-8000-000000000000', 'nonsense', '%00', '..%2f..%2fetc%2fpasswd'])
    expect((await fetch(`${rig.url}/media/images/${id}`)).status).toBe(404)
})

describe('a data URI', () => {
  test.each<[string, string, () => string | Promise<string>]>([
    ['without base64', 'BAD_DATA_URI', () => 'data:image/png,abc'],
    ['with bad base64', 'BAD_DATA_URI', () => 'data:image/png;base64,a*b='],
    ['of nothing', 'EMPTY', () => 'data:image/png;base64,'],
    ['of HTML', 'NOT_AN_IMAGE', () => toDataUri('text/html', Buffer.from('<script>alert(1)</script>'))],
  ])('%s is refused with one %s issue that repeats nothing of it', async (_name, code, toUri) => {
    const imageUrl = await toUri()
    const { status, data } = await request(rig.url, GenerateVideoDocument, { input: { imageUrl } })
    expect(status).toBe(200)
    expect(data.generateVideo).toMatchObject({
      __typename: 'InvalidInputError',
      issues: [{ path: ['input', 'imageUrl'], code, message: expect.not.stringContaining(imageUrl.slice(-8)) }],
    })
    expect(data.generateVideo).toHaveProperty('issues.length', 1)
  })

  test('of exactly 10 MiB is accepted', async () => {
    const imageUrl = toDataUri('image/png', Buffer.concat([await draw()], MAX_IMAGE_BYTES))
    const { data } = await request(rig.url, GenerateVideoDocument, { input: { imageUrl } })
    expect(data.generateVideo.__typename).toBe('GenerateVideoSuccess')
  })
})
