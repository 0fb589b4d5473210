import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { InputRefusedError } from '../../cli/errors.ts'
import { checkInput } from '../../cli/submit.ts'
import { GenerateVideoDocument, UploadImageDocument } from '../../operations/generated/graphql.ts'
import { makeTemporaryDirectory } from '../helpers/directories.ts'
import { type GraphQLResponse, request, upload } from '../helpers/graphql-client.ts'
import { IMAGE_FILES } from '../helpers/image-files.ts'
import { openRig, type Rig } from './rig.ts'

const MAX_IMAGE_BYTES = 10 * 1024 * 1024
const TYPES = ['png', 'jpeg', 'webp'] as const

let rig: Rig
let withoutFal: Rig

beforeAll(async () => {
  ;[rig, withoutFal] = await Promise.all([openRig({ fal: {} }), openRig({ fal: 'unavailable' })])
})

afterAll(async () => {
  await Promise.all([rig.close(), withoutFal.close()])
})

/** A small image of one colour. */
async function draw(type: (typeof TYPES)[number]): Promise<Uint8Array<ArrayBuffer>> {
  const image = sharp({ create: { width: 64, height: 36, channels: 3, background: '#639' } })
  return new Uint8Array(await image.toFormat(type).toBuffer())
}

const fetchBytes = async (url: string) => new Uint8Array(await (await fetch(url)).arrayBuffer())

async function uploadTo(url: string, bytes: Uint8Array<ArrayBuffer>, type: string) {
  const { status, data, errors } = await upload(url, UploadImageDocument, new Blob([bytes], { type }))
  return { status, answer: data?.uploadImage, errors }
}

test.each(TYPES)('a %s is stored at fal, byte for byte', async (type) => {
  const bytes = await draw(type)
  const { answer } = await uploadTo(rig.url, bytes, `image/${type}`)
  expect(answer).toMatchObject({ contentType: `image/${type}`, fileSize: bytes.byteLength })
  if (answer?.__typename !== 'UploadImageSuccess') throw new Error(JSON.stringify(answer))
  expect(await fetchBytes(answer.url)).toEqual(bytes)
})

test('the returned url works as imageUrl', async () => {
  const { answer } = await uploadTo(rig.url, await draw('png'), 'image/png')
  if (answer?.__typename !== 'UploadImageSuccess') throw new Error(JSON.stringify(answer))
  const job = await rig.generate({ imageUrl: answer.url })
  expect(job.settings.imageUrl).toBe(answer.url)
  const updates = await rig.watch(job.id)
  expect(updates.at(-1)?.status).toBe('SUCCEEDED')
  // The sandbox warns when it had to draw an image instead of reading the one it was given.
  expect(updates.flatMap(({ logs }) => logs).filter(({ level }) => level !== 'INFO')).toEqual([])
})

test('a file is judged alike as an upload, in a data URI and by the command line, whatever its label', async () => {
  const directory = await makeTemporaryDirectory('reelay-test-images')
  try {
    for (const { name, type, bytes, verdict } of IMAGE_FILES) {
      const { answer } = await uploadTo(rig.url, bytes, type)
      const imageUrl = `data:${type};base64,${Buffer.from(bytes).toString('base64')}`
      // Where no video is made of it.
      const { data } = await request(withoutFal.url, GenerateVideoDocument, { input: { imageUrl } })
      const image = join(directory.path, name)
      await writeFile(image, bytes)
      const refusal = await checkInput({ image, settings: {} }).catch((error: unknown) => error)
      if (verdict instanceof RegExp) {
        const issues = [{ message: expect.stringMatching(verdict) }]
        expect([answer, data.generateVideo, refusal], name).toMatchObject([{ issues }, { issues }, { issues }])
        const messages = [answer, data.generateVideo, refusal].map(
          (refused) => (refused as InputRefusedError).issues[0]?.message,
        )
        expect(new Set(messages).size, name).toBe(1)
      } else {
        expect(answer, name).toMatchObject({ contentType: verdict })
        expect([data.generateVideo.__typename, refusal], name).toEqual(['GenerateVideoSuccess', undefined])
      }
    }
  } finally {
    await directory.remove()
  }
})

test.each([
  '',
  'Content-Type: text/plain',
  'Content-Type: image',
  'Content-Type: image/*',
  'Content-Type: null',
  'Content-Type: binary/octet-stream',
  'Content-Type: image/x-png',
])('a part with the header "%s", as HTTP clients write it, is taken for the JPEG that it is', async (header) => {
  const boundary = '0123456789abcdef0123456789abcdef'
  const operations = JSON.stringify({ query: String(UploadImageDocument), variables: { file: null } })
  const toPart = (headers: string[]) => `--${boundary}\r\n${headers.filter(Boolean).join('\r\n')}\r\n\r\n`
  const body = Buffer.concat([
    Buffer.from(`${toPart(['Content-Disposition: form-data; name="operations"'])}${operations}\r\n`),
    Buffer.from(`${toPart(['Content-Disposition: form-data; name="map"'])}{"0":["variables.file"]}\r\n`),
    Buffer.from(toPart(['Content-Disposition: form-data; name="0"; filename="a.png"', header])),
    await draw('jpeg'),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ])
  const response = await fetch(`${rig.url}/graphql`, {
    method: 'POST',
    body,
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, 'graphql-require-preflight': 'true' },
  })
  expect(await response.json()).toMatchObject({ data: { uploadImage: { contentType: 'image/jpeg' } } })
})

describe('a file', () => {
  const text = (content: string) => new TextEncoder().encode(content)
  const padded = async (sizeBytes: number) => {
    const bytes = new Uint8Array(sizeBytes)
    bytes.set(await draw('png'))
    return bytes
  }

  test.each<[string, string, () => Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>, string]>([
    ['of nothing', 'EMPTY', () => new Uint8Array(), 'image/png'],
    ['of HTML', 'NOT_AN_IMAGE', () => text('<!doctype html><script>alert(1)</script>'), 'text/html'],
    ['of more than 10 MiB', 'TOO_LARGE', () => padded(MAX_IMAGE_BYTES + 1), 'image/png'],
  ])('%s is refused with one %s issue', async (_name, code, make, type) => {
    const { status, answer } = await uploadTo(rig.url, await make(), type)
    expect(status).toBe(200)
    expect(answer).toMatchObject({ __typename: 'InvalidInputError', issues: [{ path: ['file'], code }] })
    expect(answer).toHaveProperty('issues.length', 1)
  })

  test('of exactly 10 MiB is accepted', async () => {
    const { answer } = await uploadTo(rig.url, await padded(MAX_IMAGE_BYTES), 'image/png')
    expect(answer).toMatchObject({ __typename: 'UploadImageSuccess', fileSize: MAX_IMAGE_BYTES })
  })

  test('of more than the server reads is refused with 413', async () => {
    const { status, errors } = await uploadTo(rig.url, await padded(16 * 1024 * 1024), 'image/png')
    expect({ status, errors }).toMatchObject({ status: 413, errors: [{ extensions: { code: 'PAYLOAD_TOO_LARGE' } }] })
  })
})

test('an upload while fal is unavailable is a SERVICE_UNAVAILABLE error without the address of fal', async () => {
  const { status, answer, errors } = await uploadTo(withoutFal.url, await draw('png'), 'image/png')
  expect({ status, answer, errors }).toMatchObject({
    answer: undefined,
    errors: [{ path: ['uploadImage'], extensions: { code: 'SERVICE_UNAVAILABLE' } }],
  })
  expect(JSON.stringify(errors)).not.toContain(new URL(withoutFal.falUrl).port)
})

test('9 MB of text in the place of a file are refused in few words', async () => {
  const form = new FormData()
  form.set('operations', JSON.stringify({ query: String(UploadImageDocument), variables: { file: null } }))
  form.set('map', '{"0":["variables.file"]}')
  form.set('0', 'a'.repeat(9_000_000))
  const headers = { 'graphql-require-preflight': 'true' }
  const answer = await (await fetch(`${rig.url}/graphql`, { method: 'POST', body: form, headers })).text()
  expect(answer).toContain('Expected a JPEG, PNG or WebP image; this is text.')
  expect(answer.length).toBeLessThan(500)
})

describe('a request without a proper file', () => {
  const operations = JSON.stringify({ query: UploadImageDocument.toString(), variables: { file: null } })
  const forms: [string, Record<string, string | Blob>][] = [
    ['no map', { operations }],
    ['a map of nothing', { operations, map: '{}' }],
    ['no part for the file', { operations, map: '{"0":["variables.file"]}' }],
    ['a path to nowhere', { operations, map: '{"0":["variables.a.b"]}', 0: new Blob(['a']) }],
    ['a path to the prototype', { operations, map: '{"0":["__proto__.polluted"]}', 0: new Blob(['a']) }],
    ['operations that are no JSON', { operations: 'nonsense', map: '{}' }],
    ['a map that is no JSON', { operations, map: 'nonsense' }],
    ['a map that is a list', { operations, map: '[1]' }],
    ['operations that are a file', { operations: new Blob([operations]), map: '{}' }],
    ['nothing at all', {}],
  ]

  test.each(forms)('(%s) is refused as a mistake of the caller', async (_name, fields) => {
    const body = new FormData()
    for (const [name, value] of Object.entries(fields)) body.set(name, value)
    const response = await fetch(`${rig.url}/graphql`, {
      method: 'POST',
      body,
      headers: { accept: 'application/json', 'graphql-require-preflight': 'true' },
    })
    const { errors = [] } = (await response.json()) as Partial<GraphQLResponse<unknown>>
    expect(response.status).toBeLessThan(500)
    expect(errors.length).toBeGreaterThan(0)
    for (const { extensions } of errors) expect(extensions?.code).not.toBe('INTERNAL_SERVER_ERROR')
    expect('polluted' in {}).toBe(false)
  })

  test.each([null, 'a text', 7, {}])('(%o in JSON) is refused as a mistake of the caller', async (file) => {
    const { status, errors } = await request(rig.url, String(UploadImageDocument), { file })
    expect(status).toBeLessThan(500)
    expect(errors.length).toBeGreaterThan(0)
    for (const { extensions } of errors) expect(extensions?.code).not.toBe('INTERNAL_SERVER_ERROR')
  })
})

test('while fal’s storage accepts connections and never responds, the caller gets SERVICE_UNAVAILABLE within seconds', async () => {
  const silent = createServer((socket) => void socket.on('error', () => {}).resume())
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const behind = await openRig({ fal: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` })
  const since = performance.now()
  const { status, errors } = await uploadTo(behind.url, await draw('png'), 'image/png')
  expect({ status, code: errors?.[0]?.extensions?.code }).toEqual({ status: 503, code: 'SERVICE_UNAVAILABLE' })
  expect(performance.now() - since).toBeLessThan(8_000)
  await behind.close()
  silent.close()
})
