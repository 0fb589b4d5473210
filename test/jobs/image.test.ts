import { describe, expect, test } from 'vitest'
import { checkDataUri, parseDataUri } from '../../src/jobs/data-uri.ts'
import { checkImage, checkImageFile, MAX_IMAGE_BYTES } from '../../src/jobs/image.ts'
import { IMAGE_FILES } from '../helpers/image-files.ts'

const toDataUri = (type: string, bytes: Uint8Array) => `data:${type};base64,${Buffer.from(bytes).toString('base64')}`
const [{ bytes: WEBP }] = IMAGE_FILES as [(typeof IMAGE_FILES)[number]]

test.each(IMAGE_FILES)(
  '$name of the type "$type" is judged by its bytes: $verdict',
  async ({ type, bytes, verdict }) => {
    const expected =
      verdict instanceof RegExp
        ? { contentType: null, problem: { message: expect.stringMatching(verdict) } }
        : { contentType: verdict, problem: null }
    const outcome = await checkImageFile(new Blob([bytes], { type }))
    expect(outcome).toMatchObject(expected)
    expect(await checkImage(bytes)).toEqual(outcome)
    if (outcome.problem) expect(outcome.problem.message.length).toBeLessThan(300)
  },
)

test('the limit is exact', async () => {
  const largest = new Uint8Array(MAX_IMAGE_BYTES)
  expect(await checkImage(largest)).toMatchObject({ problem: { code: 'NOT_AN_IMAGE' } })
  expect(await parseDataUri(toDataUri('image/png', largest))).toMatchObject({ problem: null })
  const larger = new Uint8Array(MAX_IMAGE_BYTES + 1)
  expect(await checkImage(larger)).toMatchObject({ problem: { code: 'TOO_LARGE' } })
  expect(await parseDataUri(toDataUri('image/png', larger))).toMatchObject({ problem: { code: 'TOO_LARGE' } })
})

describe('a data URI', () => {
  const encoded = Buffer.from(WEBP).toString('base64')

  test.each([
    'data:image/webp;base64,',
    'data:image/jpg;base64,',
    'data:image/jpeg;name=photo.jpg;base64,',
    'data:image/jpeg;name="a, b.jpg";base64,',
    `data:image/jpeg;name=${'%D1%84'.repeat(200)};base64,`,
    'data:image/jpeg;charset=utf-8;base64,',
    'data:image/png; base64, ',
    'data:application/octet-stream;base64,',
    'data:;base64,',
    'DATA:Image/PNG;BASE64,',
  ])('that begins with %s is what its bytes are', async (start) => {
    expect(await checkDataUri(start + encoded)).toEqual({
      image: { contentType: 'image/webp', bytes: WEBP },
      problem: null,
    })
  })

  test.each([
    ['in lines of 76 characters', encoded.replace(/.{76}/g, '$&\r\n')],
    ['with a line break at its end', `${encoded}\n`],
    ['of more than is searched at once', `${encoded.slice(0, 8)}${' '.repeat(2_000_000)}${encoded.slice(8)}`],
    ['without padding', encoded.replace(/=+$/, '')],
    ['in the alphabet of URLs', encoded.replaceAll('+', '-').replaceAll('/', '_')],
  ])('%s has the same bytes', async (_name, text) => {
    expect(await parseDataUri(`data:image/webp;base64,${text}`)).toEqual({ bytes: WEBP, problem: null })
  })

  test.each([
    ['data:image/png;base64', 'no comma'],
    ['data:image/png,AAAA', 'no ;base64 before the comma'],
    ['data:image/svg+xml;utf8,<svg/>', 'no ;base64 before the comma'],
    ['data:image/png;base64,AA*A', '"*" at character 25'],
    ["data:image/png;base64,b'AAAA'", `"'" at character 24`],
    ['data:image/png;base64,AAAA\u00e9', 'U+00E9 at character 27'],
    ['data:image/png;base64,AA\0A', 'U+0000 at character 25'],
    ['data:image/png;base64,AA%3D', 'percent-encoded at character 25'],
    ['data:image/png;base64,AA==AA==', 'ends at character 25, but more text follows'],
    [`data:image/png;base64,${'A'.repeat(99)}!`, '"!" at character 122'],
  ])('%j is refused: %s', async (text, found) => {
    expect(await parseDataUri(text)).toEqual({
      bytes: null,
      problem: { code: 'BAD_DATA_URI', message: expect.stringContaining(found) },
    })
  })

  test('says where it is wrong, however far', async () => {
    const text = `data:image/png;base64,${'A'.repeat(2_000_000)}*A`
    expect(await parseDataUri(text)).toMatchObject({
      problem: { message: expect.stringContaining('character 2000023') },
    })
  })

  test('with nothing in it is empty', async () => {
    expect(await parseDataUri('data:image/png;base64,')).toMatchObject({ problem: { code: 'EMPTY' } })
  })

  test('that is longer than any image is refused before it is decoded', async () => {
    const text = `data:image/png;base64,${'!'.repeat(20 * 1024 * 1024)}`
    expect(await parseDataUri(text)).toMatchObject({ problem: { code: 'TOO_LARGE' } })
  })
})
