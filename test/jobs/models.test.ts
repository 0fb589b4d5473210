import { describe, expect, test } from 'vitest'
import { DEFAULT_MODEL, MODELS, toFalInput } from '../../src/jobs/models.ts'

const VIDEO = {
  url: 'https://v3.fal.media/files/a/clip.mp4',
  content_type: 'video/mp4',
  file_name: 'clip.mp4',
  file_size: 1024,
}

test('the default model is in the catalogue, under its endpoint', () => {
  expect(MODELS.get('fal-ai/stable-video')).toBe(DEFAULT_MODEL)
})

describe('what is sent to fal', () => {
  const settings = { imageUrl: 'https://images.example/cat.png', seed: null, motionBucketId: 127, condAug: 0, fps: 25 }

  test('has fal’s names and omits unset settings', () => {
    expect(toFalInput(DEFAULT_MODEL, settings)).toEqual({
      image_url: 'https://images.example/cat.png',
      motion_bucket_id: 127,
      cond_aug: 0,
      fps: 25,
    })
  })

  test('includes a seed of 0', () => {
    expect(toFalInput(DEFAULT_MODEL, { ...settings, seed: 0n })).toMatchObject({ seed: 0 })
  })
})

describe('fal’s answer', () => {
  test('is read whole', () => {
    expect(DEFAULT_MODEL.result.parse({ video: VIDEO, seed: 42 })).toEqual({
      url: VIDEO.url,
      contentType: 'video/mp4',
      fileName: 'clip.mp4',
      fileSize: 1024,
      seed: 42,
    })
  })

  test.each([undefined, null])('may leave out everything but the url (%s)', (nothing) => {
    const video = { url: VIDEO.url, content_type: nothing, file_name: nothing, file_size: nothing }
    expect(DEFAULT_MODEL.result.parse({ video, seed: nothing })).toEqual({
      url: VIDEO.url,
      contentType: 'video/mp4',
      fileName: 'clip.mp4',
      fileSize: null,
      seed: null,
    })
  })

  test.each([
    [2 ** 53 - 1, 2 ** 53 - 1],
    [2 ** 53, null],
    [JSON.parse('12345678901234567890'), null],
    [0.5, null],
  ])('a seed of %s is read as %s, never rounded', (seed, given) => {
    expect(DEFAULT_MODEL.result.parse({ video: VIDEO, seed }).seed).toBe(given)
  })

  test.each([
    null,
    'text',
    {},
    { video: null },
    { video: {} },
    { video: { url: 'clip.mp4' } },
    { video: { url: 7 } },
    { detail: 'no' },
  ])('without a video is refused: %j', (answer) => {
    expect(() => DEFAULT_MODEL.result.parse(answer)).toThrow()
  })
})
