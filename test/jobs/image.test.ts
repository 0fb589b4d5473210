import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import {
  checkDataUri,
  checkImage,
  checkImageFile,
  detectImageType,
  IMAGE_TYPES,
  type ImageType,
  MAX_IMAGE_BYTES,
  parseDataUri,
} from '../../src/jobs/image.ts'

async function draw(type: ImageType): Promise<Uint8Array<ArrayBuffer>> {
  const image = sharp({ create: { width: 8, height: 8, channels: 3, background: 'teal' } })
  return new Uint8Array(
    await image.toFormat(type === 'image/jpeg' ? 'jpeg' : type === 'image/png' ? 'png' : 'webp').toBuffer(),
  )
}

function toDataUri(type: string, bytes: Uint8Array): string {
  return `data:${type};base64,${Buffer.from(bytes).toString('base64')}`
}

test('a data URI is checked to its bytes', async () => {
  const bytes = await draw('image/webp')
  expect(await checkDataUri(toDataUri('image/webp', bytes))).toEqual({
    image: { contentType: 'image/webp', bytes },
    problem: null,
  })
  expect(await checkDataUri(toDataUri('image/png', bytes))).toMatchObject({ problem: { code: 'TYPE_MISMATCH' } })
  expect(await checkDataUri('data:,')).toMatchObject({ image: null, problem: { code: 'BAD_DATA_URI' } })
})

test('a file is checked by its bytes and the type that it carries', async () => {
  const bytes = await draw('image/png')
  expect(await checkImageFile(new File([bytes], 'a.txt', { type: 'image/png' }))).toEqual({
    contentType: 'image/png',
    problem: null,
  })
  expect(await checkImageFile(new Blob([bytes]))).toEqual({ contentType: 'image/png', problem: null })
  expect(await checkImageFile(new Blob([bytes], { type: 'image/webp' }))).toMatchObject({
    contentType: null,
    problem: { code: 'TYPE_MISMATCH' },
  })
  expect(await checkImageFile(new Blob(['text']))).toMatchObject({ problem: { code: 'NOT_AN_IMAGE' } })
  expect(await checkImageFile(new Blob([]))).toMatchObject({ problem: { code: 'EMPTY' } })
  expect(await checkImageFile(new Blob([new Uint8Array(MAX_IMAGE_BYTES + 1)]))).toMatchObject({
    problem: { code: 'TOO_LARGE' },
  })
})

describe.each(IMAGE_TYPES)('an %s', (type) => {
  test('comes out of a data URI as it went in, and is seen for what it is', async () => {
    const bytes = await draw(type)
    expect(parseDataUri(toDataUri(type, bytes))).toEqual({ image: { contentType: type, bytes }, problem: null })
    expect(await detectImageType(bytes)).toBe(type)
    expect(await checkImage(bytes)).toEqual({ image: { contentType: type, bytes }, problem: null })
    expect(await checkImage(bytes, `${type.toUpperCase()}; q=1`)).toMatchObject({ problem: null })
    expect(await checkImage(bytes, 'application/octet-stream')).toMatchObject({ problem: null })
  })

  test('that is declared as another type is refused, naming both', async () => {
    for (const declared of [...IMAGE_TYPES.filter((other) => other !== type), 'image/gif', 'text/html']) {
      const outcome = await checkImage(await draw(type), declared)
      expect(outcome).toMatchObject({ image: null, problem: { code: 'TYPE_MISMATCH' } })
      expect(JSON.stringify(outcome)).toContain(declared)
      expect(JSON.stringify(outcome)).toContain(type)
    }
  })
})

test('a JPEG may be declared by its popular wrong name', async () => {
  expect(await checkImage(await draw('image/jpeg'), 'image/jpg')).toMatchObject({
    image: { contentType: 'image/jpeg' },
  })
})

test.each([
  '',
  'data:',
  'https://example.com/a.png',
  'data:image/gif;base64,AAAA',
  'data:image/jpg;base64,AAAA',
  'data:image/svg+xml;base64,AAAA',
  'data:image/png,AAAA',
  'data:image/png;charset=utf-8;base64,AAAA',
  'data:image/png; base64,AAAA',
  ' data:image/png;base64,AAAA',
  'data:image/png;base64,AAA',
  'data:image/png;base64,A===',
  'data:image/png;base64,AA=A',
  'data:image/png;base64,AA\nAA',
  'data:image/png;base64,AAA_',
  'data:image/png;base64,AAA%3D',
])('%j is no data URI that we take', (text) => {
  expect(parseDataUri(text)).toMatchObject({ image: null, problem: { code: 'BAD_DATA_URI' } })
})

test('the scheme, the type and the word base64 may be in any case', () => {
  const image = { contentType: 'image/png', bytes: new Uint8Array([0]) }
  expect(parseDataUri('DATA:Image/PNG;Base64,AA==')).toEqual({ image, problem: null })
})

test('a data URI with nothing in it is empty', () => {
  expect(parseDataUri('data:image/png;base64,')).toMatchObject({ problem: { code: 'EMPTY' } })
})

test('the limit is exact, and a longer text is refused before it is looked at', async () => {
  const largest = new Uint8Array(MAX_IMAGE_BYTES)
  expect(parseDataUri(toDataUri('image/png', largest))).toMatchObject({ problem: null })
  expect(parseDataUri(toDataUri('image/png', new Uint8Array(MAX_IMAGE_BYTES + 1)))).toMatchObject({
    problem: { code: 'TOO_LARGE' },
  })
  expect(parseDataUri(`data:image/png;base64,${'!'.repeat(20 * 1024 * 1024)}`)).toMatchObject({
    problem: { code: 'TOO_LARGE' },
  })
  expect(await checkImage(new Uint8Array(MAX_IMAGE_BYTES + 1))).toMatchObject({ problem: { code: 'TOO_LARGE' } })
  expect(await checkImage(largest)).toMatchObject({ problem: { code: 'NOT_AN_IMAGE' } })
})

test('what is no JPEG, PNG or WebP is refused, whatever it is declared as', async () => {
  const gif = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'teal' } })
    .gif()
    .toBuffer()
  const others = [
    new Uint8Array(gif),
    new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    new Uint8Array([0xff]),
  ]
  for (const bytes of others) {
    expect(await checkImage(bytes, 'image/png')).toMatchObject({ image: null, problem: { code: 'NOT_AN_IMAGE' } })
    expect(await detectImageType(bytes)).toBeNull()
  }
  expect(await checkImage(new Uint8Array())).toMatchObject({ problem: { code: 'EMPTY' } })
})
