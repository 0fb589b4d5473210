import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type InputIssue, InvalidInputError } from '../../src/errors.ts'
import { toFingerprint } from '../../src/jobs/idempotency.ts'
import { DEFAULT_MODEL, type VideoInput } from '../../src/jobs/models.ts'
import { type CheckedInput, checkVideoInput } from '../../src/jobs/settings.ts'

type Input = VideoInput & { idempotencyKey?: string | null }

const IMAGE_URL = 'https://images.example/cat.png'
/** A PNG of one pixel. */
const DATA_URI =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

function check(part: Partial<Input> = {}): Promise<CheckedInput> {
  return checkVideoInput(DEFAULT_MODEL, { imageUrl: IMAGE_URL, ...DEFAULT_MODEL.defaults, ...part })
}

async function issuesOf(part: Partial<Input>): Promise<InputIssue[]> {
  const error: unknown = await check(part).then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error === null) return []
  if (!(error instanceof InvalidInputError)) throw error
  return error.issues
}

test('an input with only an image is complete with the defaults', async () => {
  const settings = { imageUrl: IMAGE_URL, seed: null, motionBucketId: 127, condAug: 0.02, fps: 25 }
  expect(await check()).toEqual({ settings, image: null })
})

test.each<[Partial<Input>, string]>([
  [{}, `["${IMAGE_URL}",null,127,0.02,25]`],
  [{ fps: 30, condAug: 1, motionBucketId: 5, seed: 7, imageUrl: DATA_URI }, `["${DATA_URI}",7,5,1,30]`],
])('the fingerprint of %j is the one that stored idempotency keys hold', async (part, json) => {
  const { settings } = await check({ ...part, idempotencyKey: 'k' })
  expect(await toFingerprint(Object.values(settings))).toBe(createHash('sha256').update(json).digest('hex'))
})

test.each<Partial<Input>>([
  { motionBucketId: 1 },
  { motionBucketId: 255 },
  { condAug: 0 },
  { condAug: 10 },
  { condAug: 0.123456789 },
  { fps: 10 },
  { fps: 100 },
  { seed: 0 },
  { seed: null },
  { seed: Number.MAX_SAFE_INTEGER },
  { seed: Number.MIN_SAFE_INTEGER },
  { idempotencyKey: 'k' },
  { idempotencyKey: 'k'.repeat(255) },
  { idempotencyKey: null },
  { imageUrl: 'http://127.0.0.1:8080/cat.png?size=1#top' },
  { imageUrl: 'HTTPS://images.example/cat.png' },
  { imageUrl: 'https://bücher.example/катя.png' },
  { imageUrl: 'https://images.example/cat@home.png' },
  { imageUrl: `https://images.example/${'a'.repeat(8192 - 'https://images.example/'.length)}` },
])('%j is accepted', async (part) => {
  expect(await issuesOf(part)).toEqual([])
})

test.each<[keyof Input, Partial<Input>, string]>([
  ['motionBucketId', { motionBucketId: 0 }, 'a whole number from 1 to 255'],
  ['motionBucketId', { motionBucketId: 256 }, 'a whole number from 1 to 255'],
  ['motionBucketId', { motionBucketId: 1.5 }, 'a whole number from 1 to 255'],
  ['motionBucketId', { motionBucketId: Number.NaN }, 'a whole number from 1 to 255'],
  ['condAug', { condAug: -0.0001 }, 'a number from 0 to 10'],
  ['condAug', { condAug: 10.0001 }, 'a number from 0 to 10'],
  ['condAug', { condAug: Number.POSITIVE_INFINITY }, 'a number from 0 to 10'],
  ['fps', { fps: 9 }, 'a whole number from 10 to 100'],
  ['fps', { fps: 101 }, 'a whole number from 10 to 100'],
  ['fps', { fps: 24.5 }, 'a whole number from 10 to 100'],
  ['fps', { fps: 100.5 }, 'a whole number from 10 to 100'],
  ['seed', { seed: 2 ** 53 }, '2^53-1'],
  ['seed', { seed: -(2 ** 53) }, '2^53-1'],
  ['seed', { seed: 0.5 }, '2^53-1'],
  ['seed', { seed: Number.NaN }, '2^53-1'],
  ['idempotencyKey', { idempotencyKey: '' }, '1 to 255 characters'],
  ['idempotencyKey', { idempotencyKey: 'k'.repeat(256) }, '1 to 255 characters'],
  ['idempotencyKey', { idempotencyKey: 'a\0b' }, 'NUL'],
  ['idempotencyKey', { idempotencyKey: 'a\ud800' }, 'lone surrogates'],
  ['imageUrl', { imageUrl: '' }, 'imageUrl is empty'],
  ['imageUrl', { imageUrl: 'cat.png' }, 'imageUrl has no https://'],
  ['imageUrl', { imageUrl: 'https://images.example/my cat.png' }, 'imageUrl has a space at character 26'],
  ['imageUrl', { imageUrl: 'https://images.example/\0' }, 'NUL'],
  ['imageUrl', { imageUrl: 'https://images.example/\udc00' }, 'lone surrogates'],
  ['imageUrl', { imageUrl: `https://images.example/${'a'.repeat(64 * 1024)}` }, 'longer than 8192'],
  ['imageUrl', { imageUrl: 'data:image/png;base64,\0' }, 'NUL'],
])('%s is refused with its rule: %j', async (name, part, rule) => {
  const issues = await issuesOf(part)
  expect(issues).toEqual([
    { path: ['input', name], code: expect.stringMatching(/^[A-Z_]+$/), message: expect.stringContaining(rule) },
  ])
})

test('all that is wrong is said at once, each thing with its path', async () => {
  const issues = await issuesOf({
    imageUrl: 'cat.png',
    seed: 1.5,
    motionBucketId: 0,
    condAug: 11,
    fps: 1000.5,
    idempotencyKey: '',
  })
  expect(issues.map((issue) => issue.path.join('.'))).toEqual([
    'input.imageUrl',
    'input.seed',
    'input.motionBucketId',
    'input.condAug',
    'input.fps',
    'input.idempotencyKey',
  ])
})

test('the message of the error repeats every issue, and no password of a URL', async () => {
  const error = await check({ imageUrl: 'https://user:secret@images.example/', fps: 1 }).catch(
    (reason: Error) => reason,
  )
  expect(error).toMatchObject({ message: expect.stringMatching(/2 problems: imageUrl .*fps /) })
  expect(JSON.stringify(error)).not.toContain('secret')
})

describe('an image in a data URI', () => {
  test('is decoded', async () => {
    const checked = await check({ imageUrl: DATA_URI })
    expect(checked).toMatchObject({ settings: { imageUrl: DATA_URI }, image: { contentType: 'image/png' } })
    expect(Buffer.from(checked.image?.bytes ?? []).toString('base64')).toBe(DATA_URI.slice(DATA_URI.indexOf(',') + 1))
  })

  test('may be longer than a URL', async () => {
    const issues = await issuesOf({ imageUrl: `data:image/png;base64,${'A'.repeat(64 * 1024)}` })
    expect(issues).toMatchObject([{ path: ['input', 'imageUrl'], message: expect.not.stringContaining('8192') }])
  })

  test('that is not an image is reported together with the other issues', async () => {
    const issues = await issuesOf({ imageUrl: 'DATA:text/plain,hello', fps: 0 })
    expect(issues.map((issue) => issue.path.at(-1)).sort()).toEqual(['fps', 'imageUrl'])
  })
})
