import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GenerateVideoDocument, type GenerateVideoInput } from '../../operations/generated/graphql.ts'
import { request } from '../helpers/graphql-client.ts'
import { EXAMPLE_IMAGE_URL, openRig, type Rig } from './rig.ts'

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable' })
})

afterAll(async () => {
  await rig.close()
})

async function generate(input: Partial<GenerateVideoInput>) {
  const { data } = await request(rig.url, GenerateVideoDocument, { input: { imageUrl: EXAMPLE_IMAGE_URL, ...input } })
  return data.generateVideo
}

/** Sends variables of any shape. */
async function send(input: unknown) {
  return await request(rig.url, String(GenerateVideoDocument), { input })
}

test('all issues of an input are reported together, each with its path and code', async () => {
  const answer = await generate({
    imageUrl: 'ftp://example.com/rocket.png',
    seed: 2 ** 53,
    motionBucketId: 0,
    condAug: 10.5,
    fps: 9,
    idempotencyKey: '',
  })
  expect(answer).toMatchObject({
    __typename: 'InvalidInputError',
    code: 'INVALID_INPUT',
    issues: [
      { path: ['input', 'imageUrl'], code: 'INVALID_URL' },
      { path: ['input', 'seed'], code: 'NOT_SAFE_INTEGER' },
      { path: ['input', 'motionBucketId'], code: 'OUT_OF_RANGE' },
      { path: ['input', 'condAug'], code: 'OUT_OF_RANGE' },
      { path: ['input', 'fps'], code: 'OUT_OF_RANGE' },
      { path: ['input', 'idempotencyKey'], code: 'OUT_OF_RANGE' },
    ],
  })
})

describe('the bounds', () => {
  test.each<[string, Partial<GenerateVideoInput>]>([
    ['the least of everything', { seed: -(2 ** 53 - 1), motionBucketId: 1, condAug: 0, fps: 10, idempotencyKey: 'k' }],
    [
      'the most of everything',
      { seed: 2 ** 53 - 1, motionBucketId: 255, condAug: 10, fps: 100, idempotencyKey: 'k'.repeat(255) },
    ],
  ])('take %s, and show it as it was given', async (_name, input) => {
    const { idempotencyKey: _key, ...settings } = input
    expect(await generate(input)).toMatchObject({ __typename: 'GenerateVideoSuccess', job: { settings } })
  })

  test.each<Partial<GenerateVideoInput>>([
    { motionBucketId: 0 },
    { motionBucketId: 256 },
    { condAug: -0.001 },
    { condAug: 10.001 },
    { fps: 9 },
    { fps: 101 },
    { seed: 2 ** 53 },
    { seed: -(2 ** 53) },
    { seed: 1.5 },
    { idempotencyKey: 'k'.repeat(256) },
    { imageUrl: `https://example.com/${'a'.repeat(8173)}` },
  ])('refuse what is one beyond them: %o', async (input) => {
    const answer = await generate(input)
    expect(answer).toMatchObject({
      __typename: 'InvalidInputError',
      issues: [{ path: ['input', Object.keys(input)[0]] }],
    })
  })
})

describe('text that cannot be stored', () => {
  test.each([
    ['a NUL character', 'a\0b'],
    ['a lone surrogate', 'a\ud800b'],
  ])('%s in the URL and in the key is two issues', async (_name, text) => {
    expect(await generate({ imageUrl: `https://example.com/${text}`, idempotencyKey: text })).toMatchObject({
      __typename: 'InvalidInputError',
      issues: [{ path: ['input', 'imageUrl'] }, { path: ['input', 'idempotencyKey'] }],
    })
  })

  test('text beyond ASCII is kept as it was given', async () => {
    const imageUrl = 'https://example.com/🚀/é/e\u0301.png'
    expect(await generate({ imageUrl, idempotencyKey: '🗝️' })).toMatchObject({ job: { settings: { imageUrl } } })
  })
})

test.each([
  '',
  ' https://example.com/a.png',
  'https://example.com/a b.png',
  'https://user:password@example.com/a.png',
  'https://',
  '/a.png',
  'javascript:alert(1)',
  'file:///etc/hosts',
  'blob:https://example.com/1',
])('%o is no imageUrl', async (imageUrl) => {
  expect(await generate({ imageUrl })).toMatchObject({
    __typename: 'InvalidInputError',
    issues: [{ path: ['input', 'imageUrl'] }],
  })
})

test('null means "not given" where that is allowed', async () => {
  expect(await generate({ seed: null, idempotencyKey: null })).toMatchObject({ job: { settings: { seed: null } } })
})

test.each<[string, unknown]>([
  ['no input', undefined],
  ['null as input', null],
  ['a text as input', 'nonsense'],
  ['no imageUrl', {}],
  ['null as imageUrl', { imageUrl: null }],
  ['a list as imageUrl', { imageUrl: [EXAMPLE_IMAGE_URL, EXAMPLE_IMAGE_URL] }],
  ['null as fps', { imageUrl: EXAMPLE_IMAGE_URL, fps: null }],
  ['a text as fps', { imageUrl: EXAMPLE_IMAGE_URL, fps: '25' }],
  ['1.5 as fps', { imageUrl: EXAMPLE_IMAGE_URL, fps: 1.5 }],
  ['10^12 as motionBucketId', { imageUrl: EXAMPLE_IMAGE_URL, motionBucketId: 1e12 }],
  ['a text as condAug', { imageUrl: EXAMPLE_IMAGE_URL, condAug: '0.1' }],
  ['a text as seed', { imageUrl: EXAMPLE_IMAGE_URL, seed: '7' }],
  ['true as seed', { imageUrl: EXAMPLE_IMAGE_URL, seed: true }],
  ['an object as idempotencyKey', { imageUrl: EXAMPLE_IMAGE_URL, idempotencyKey: { a: 1 } }],
  ['an unknown field', { imageUrl: EXAMPLE_IMAGE_URL, prompt: 'a rocket' }],
  ['__proto__', JSON.parse(`{"imageUrl":"${EXAMPLE_IMAGE_URL}","__proto__":{"fps":1}}`)],
])('%s is a GraphQL error of the caller, not of the server', async (_name, input) => {
  const { status, errors } = await send(input)
  expect(status).toBeLessThan(500)
  expect(errors.length).toBeGreaterThan(0)
  for (const { extensions } of errors) expect(extensions?.code).not.toBe('INTERNAL_SERVER_ERROR')
})

test.each([
  ['seed', '1e400'],
  ['seed', '1.5'],
  ['seed', '-9007199254740992'],
  ['condAug', '1e400'],
])('a literal %s of %s is an issue of the input', async (name, literal) => {
  const { data, errors } = await request(
    rig.url,
    `mutation { generateVideo(input: { imageUrl: "${EXAMPLE_IMAGE_URL}", ${name}: ${literal} }) {
      ... on InvalidInputError { issues { path } } } }`,
  )
  expect({ data, errors }).toEqual({ data: { generateVideo: { issues: [{ path: ['input', name] }] } }, errors: [] })
})
