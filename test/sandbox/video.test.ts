import { readFile } from 'node:fs/promises'
import { ALL_FORMATS, BufferSource, Input } from 'mediabunny'
import sharp from 'sharp'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { makeClip } from '../../sandbox/video/encode.ts'
import { clipSize, cropAt, VARIANTS, variantOf } from '../../sandbox/video/pan-zoom.ts'
import { openTestSandbox, ROCKET } from './client.ts'

const settings = { motion: 127, grain: 0.02, fps: 25, variant: 3 }

/** A tall image makes a small clip, which encodes quickly. */
function drawTallImage(): Promise<Buffer> {
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="270"><circle cx="40" cy="90" r="30" fill="red"/></svg>'
  return sharp(Buffer.from(svg)).png().toBuffer()
}

async function readVideo(bytes: Uint8Array) {
  using input = new Input({ formats: ALL_FORMATS, source: new BufferSource(bytes) })
  const track = await input.getPrimaryVideoTrack()
  if (!track) throw new Error('expected a video track')
  const { packetCount, averagePacketRate } = await track.computePacketStats()
  return {
    codec: await track.getCodec(),
    size: [await track.getDisplayWidth(), await track.getDisplayHeight()],
    packetCount,
    fps: Math.round(averagePacketRate),
  }
}

describe('a clip', () => {
  afterEach(() => vi.useRealTimers())

  let image: Buffer
  beforeAll(async () => {
    image = await readFile(ROCKET)
  })

  test('is H.264, with 25 frames at the given rate, in the aspect ratio of its image', async () => {
    const clip = await makeClip(image, { ...settings, fps: 10 })
    expect(await readVideo(clip)).toEqual({ codec: 'avc', size: [768, 432], packetCount: 25, fps: 10 })
  })

  test('is the same, byte for byte, when it is encoded again', async () => {
    const image = await drawTallImage()
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-01-01') })
    const first = await makeClip(image, settings)
    vi.setSystemTime(new Date('2027-01-01')) // the muxer writes the clock into the file
    expect(Buffer.from(await makeClip(image, settings)).equals(first)).toBe(true)
  })

  test('differs for another seed, motion, grain or rate', async () => {
    const image = await drawTallImage()
    const first = Buffer.from(await makeClip(image, settings))
    const others = [{ variant: 4 }, { motion: 200 }, { grain: 3 }, { fps: 30 }]
    const clips = await Promise.all(others.map((other) => makeClip(image, { ...settings, ...other })))
    expect(clips.filter((clip) => first.equals(clip))).toEqual([])
  })
})

describe('over HTTP', () => {
  let sandbox: Awaited<ReturnType<typeof openTestSandbox>>
  beforeAll(async () => {
    sandbox = await openTestSandbox()
  })
  afterAll(() => sandbox.close())

  test('a data URI gives a video of the reported size', async () => {
    const image_url = `data:image/png;base64,${(await readFile(ROCKET)).toString('base64')}`
    const request = await sandbox.submit({ image_url, fps: 10, seed: 7 })
    const { error, logs } = await sandbox.completed(request)
    expect(error).toBeUndefined()
    expect(logs?.some(({ level }) => level === 'WARN')).toBe(false)
    const { video, seed } = await sandbox.video(request)
    const bytes = new Uint8Array(await (await fetch(video.url)).arrayBuffer())
    expect([bytes.byteLength, seed]).toEqual([video.file_size, 7])
    expect(await readVideo(bytes)).toMatchObject({ codec: 'avc', packetCount: 25, fps: 10 })
  })
})

describe('the pan and zoom', () => {
  const image = { width: 1536, height: 864 }

  test('never leaves the image', () => {
    for (const motion of [1, 127, 255])
      for (let variant = 0; variant < VARIANTS; variant += 1)
        for (let frame = 0; frame < 25; frame += 1) {
          const { left, top, width, height } = cropAt(image, { motion, variant, frame })
          expect(left >= 0 && top >= 0 && left + width <= 1536 && top + height <= 864 && width > 0).toBe(true)
        }
  })

  test('moves more with a larger motion_bucket_id', () => {
    const distance = (motion: number) => {
      const at = (frame: number) => cropAt(image, { motion, variant: 0, frame }).left
      return Math.abs(at(24) - at(0))
    }
    expect(distance(255)).toBeGreaterThan(distance(127))
    expect(distance(127)).toBeGreaterThan(distance(1))
  })

  test('any seed has a variant, and neighbouring seeds differ', () => {
    expect([variantOf(-1), variantOf(0), variantOf(1), variantOf(2 ** 53)]).toEqual([63, 0, 1, 0])
  })

  test('clips have even sides and fit the box', () => {
    const box = { width: 768, height: 432 }
    expect(clipSize({ width: 1000, height: 1000 }, box)).toEqual({ width: 432, height: 432 })
    expect(clipSize({ width: 1, height: 10_000 }, box)).toEqual({ width: 144, height: 432 })
    expect(clipSize({ width: 10_000, height: 1 }, box)).toEqual({ width: 768, height: 256 })
  })
})
