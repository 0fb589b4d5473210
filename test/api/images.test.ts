import pg from 'pg'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GenerateVideoDocument } from '../../operations/generated/graphql.ts'
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

/** A small picture of one colour. */
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

test('a picture in a data URI is shown here until fal can take it, then at fal, and is not kept in the database', async () => {
  const bytes = await draw()
  const away = await openRig({ fal: 'away' })
  try {
    const { id, settings } = await away.generate({ imageUrl: toDataUri('image/png', bytes) })
    expect(settings.imageUrl).toMatch(new RegExp(`^${away.url}/media/images/[0-9a-f-]{36}$`))
    const shown = await fetch(settings.imageUrl)
    expect({ status: shown.status, type: shown.headers.get('content-type') }).toEqual({
      status: 200,
      type: 'image/png',
    })
    expect(shown.headers.get('x-content-type-options')).toBe('nosniff')
    expect(Buffer.from(await shown.arrayBuffer())).toEqual(bytes)
    expect(await countImages(away.databaseUrl)).toBe(1)

    const sandbox = await startTestSandbox({ port: Number(new URL(away.falUrl).port), stepMs: 5 })
    try {
      const { settings: now } = await until(
        async () => {
          const job = await away.readJob(id)
          return job.settings.imageUrl.startsWith(`${sandbox.url}/`) ? job : null
        },
        { timeoutMs: 20_000, what: 'the picture to be at fal' },
      )
      expect(await fetchBytes(now.imageUrl)).toEqual(bytes)
      expect(await countImages(away.databaseUrl)).toBe(0)
      const moved = await fetch(settings.imageUrl, { redirect: 'manual' })
      expect({ status: moved.status, to: moved.headers.get('location') }).toEqual({ status: 302, to: now.imageUrl })
    } finally {
      await sandbox.stop()
    }
  } finally {
    await away.close()
  }
})

test('there is no picture for an unknown job, nor for what is no id', async () => {
  for (const id of ['01890000-0000-7000-8000-000000000000', 'nonsense', '%00', '..%2f..%2fetc%2fpasswd'])
    expect((await fetch(`${rig.url}/media/images/${id}`)).status).toBe(404)
})

describe('a data URI', () => {
  const SVG = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
  const GIF = Buffer.from('R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs=', 'base64')

  test.each<[string, string, () => string | Promise<string>]>([
    ['without base64', 'BAD_DATA_URI', () => 'data:image/png,abc'],
    ['with bad base64', 'BAD_DATA_URI', () => 'data:image/png;base64,a*b='],
    ['with white space', 'BAD_DATA_URI', () => 'data:image/png;base64,iVBO Rw0K'],
    ['with a parameter', 'BAD_DATA_URI', () => 'data:image/png;charset=utf-8;base64,iVBORw0K'],
    ['of nothing', 'EMPTY', () => 'data:image/png;base64,'],
    ['of text', 'NOT_AN_IMAGE', () => toDataUri('image/png', Buffer.from('a text'))],
    ['of an SVG', 'BAD_DATA_URI', () => toDataUri('image/svg+xml', Buffer.from(SVG))],
    ['of an SVG called PNG', 'NOT_AN_IMAGE', () => toDataUri('image/png', Buffer.from(SVG))],
    ['of HTML', 'BAD_DATA_URI', () => toDataUri('text/html', Buffer.from('<script>alert(1)</script>'))],
    ['of a GIF', 'BAD_DATA_URI', () => toDataUri('image/gif', GIF)],
    ['of a GIF called WebP', 'NOT_AN_IMAGE', () => toDataUri('image/webp', GIF)],
    ['of a PNG called JPEG', 'TYPE_MISMATCH', async () => toDataUri('image/jpeg', await draw())],
    [
      'of more than 10 MiB',
      'TOO_LARGE',
      async () => toDataUri('image/png', Buffer.concat([await draw()], MAX_IMAGE_BYTES + 1)),
    ],
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

  test('of exactly 10 MiB is taken', async () => {
    const imageUrl = toDataUri('image/png', Buffer.concat([await draw()], MAX_IMAGE_BYTES))
    const { data } = await request(rig.url, GenerateVideoDocument, { input: { imageUrl } })
    expect(data.generateVideo.__typename).toBe('GenerateVideoSuccess')
  })
})
