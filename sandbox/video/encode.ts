import { createHash } from 'node:crypto'
import { BufferTarget, Mp4OutputFormat, Output, Quality, VideoSample, VideoSampleSource } from 'mediabunny'
import sharp from 'sharp'
import type { VideoInput } from '../queue/input.ts'
import { MAX_PIXELS } from './image.ts'
import { clearMp4Clock } from './mp4-clock.ts'
import { clipSize, cropAt, FRAMES, type Size, variantOf } from './pan-zoom.ts'

/** Maximum size of a clip: half the area of 1024×576, so that encoding takes well under a second on two cores. */
const BOX: Size = { width: 768, height: 432 }

/** The settings that, with the image, determine a clip's bytes. */
export interface ClipSettings {
  motion: number
  grain: number
  fps: number
  variant: number
}

/** The clip settings of a request's input. */
export function toClipSettings(input: VideoInput, seed: number): ClipSettings {
  return { motion: input.motion_bucket_id, grain: input.cond_aug, fps: input.fps, variant: variantOf(seed) }
}

/** A digest of everything that determines a clip's bytes, so that the same clip is encoded once. */
export function clipId(image: Uint8Array, { motion, grain, fps, variant }: ClipSettings): string {
  const settings = JSON.stringify([motion, grain, fps, variant, FRAMES, BOX])
  return createHash('sha256').update(image).update(settings).digest('hex').slice(0, 32)
}

/**
 * Encodes an H.264 MP4 that pans and zooms slowly over an image. Scaling and encoding run off the event loop.
 * The same image and settings give the same bytes.
 */
export async function makeClip(image: Uint8Array, settings: ClipSettings): Promise<Uint8Array> {
  await provideWebCodecs()
  const still = await prepareStill(image)
  const source = new VideoSampleSource({
    codec: 'avc',
    quality: new Quality('medium'),
    hardwareAcceleration: 'prefer-software', // hardware encoders differ from machine to machine
  })
  const output = new Output({ format: new Mp4OutputFormat({ fastStart: 'in-memory' }), target: new BufferTarget() })
  output.addVideoTrack(source, { frameRate: settings.fps })
  try {
    await output.start()
    const noise = makeNoise(settings.variant)
    for (let frame = 0; frame < FRAMES; frame += 1) {
      const pixels = await renderFrame(still, settings, frame)
      addGrain(pixels, noise, { grain: settings.grain, frame })
      using sample = new VideoSample(pixels, {
        format: 'RGBA',
        codedWidth: still.size.width,
        codedHeight: still.size.height,
        timestamp: frame / settings.fps,
        duration: 1 / settings.fps,
      })
      await source.add(sample)
    }
    await output.finalize()
  } catch (error) {
    if (output.state !== 'finalized') await output.cancel()
    throw error
  }
  if (!output.target.buffer) throw new Error('the muxer finished without a file')
  const bytes = new Uint8Array(output.target.buffer)
  clearMp4Clock(bytes)
  return bytes
}

/** The decoded image at twice the clip's size, so that the crop can move by half pixels. */
interface Still {
  pixels: Uint8Array
  imageSize: Size
  size: Size
}

async function prepareStill(bytes: Uint8Array): Promise<Still> {
  const image = sharp(bytes, { limitInputPixels: MAX_PIXELS })
  const { autoOrient } = await image.metadata()
  const size = clipSize(autoOrient, BOX)
  const imageSize = { width: size.width * 2, height: size.height * 2 }
  const pixels = await image
    .autoOrient()
    .flatten({ background: '#000' })
    .toColourspace('srgb')
    .resize({ ...imageSize, fit: 'cover' })
    .raw()
    .toBuffer()
  return { pixels, imageSize, size }
}

async function renderFrame(still: Still, settings: ClipSettings, frame: number): Promise<Uint8Array> {
  const crop = cropAt(still.imageSize, { ...settings, frame })
  return await sharp(still.pixels, { raw: { ...still.imageSize, channels: 3 } })
    .extract(crop)
    .resize({ ...still.size, fit: 'fill', kernel: 'cubic' })
    .ensureAlpha()
    .raw()
    .toBuffer()
}

const NOISE_LENGTH = 1 << 16

/** Pseudo-random values from −1 to 1 (mulberry32). */
function makeNoise(seed: number): Float32Array {
  const noise = new Float32Array(NOISE_LENGTH)
  let state = seed + 1
  for (let index = 0; index < NOISE_LENGTH; index += 1) {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    noise[index] = ((mixed ^ (mixed >>> 14)) >>> 0) / 0x80000000 - 1
  }
  return noise
}

function addGrain(pixels: Uint8Array, noise: Float32Array, { grain, frame }: { grain: number; frame: number }): void {
  const strength = (24 * grain) / (grain + 0.5)
  if (strength === 0) return
  const clamped = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.byteLength)
  const start = frame * 7919 // a prime: no two frames show the same grain
  for (let at = 0, pixel = start; at < clamped.length; at += 4, pixel += 1) {
    // The upper bits spread the pattern: otherwise its period shows as columns.
    const change = (noise[(pixel + (pixel >>> 16) * 4099) & (NOISE_LENGTH - 1)] ?? 0) * strength
    clamped[at] = (clamped[at] ?? 0) + change
    clamped[at + 1] = (clamped[at + 1] ?? 0) + change
    clamped[at + 2] = (clamped[at + 2] ?? 0) + change
  }
}

/** Mediabunny uses the WebCodecs classes of the global object, as in a browser. */
async function provideWebCodecs(): Promise<void> {
  if ('VideoEncoder' in globalThis) return
  const codecs = await import('@napi-rs/webcodecs').catch((cause: unknown) => {
    const machine = `${process.platform}-${process.arch}`
    const why = `@napi-rs/webcodecs has no binary for ${machine}; see sandbox/README.md, "Machines"`
    throw new Error(`cannot encode: ${why}`, { cause })
  })
  const { EncodedAudioChunk, EncodedVideoChunk, VideoColorSpace, VideoDecoder, VideoEncoder, VideoFrame } = codecs
  Object.assign(globalThis, {
    EncodedAudioChunk,
    EncodedVideoChunk,
    VideoColorSpace,
    VideoDecoder,
    VideoEncoder,
    VideoFrame,
  })
}
