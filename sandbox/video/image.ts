import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import sharp from 'sharp'
import { isLoopbackUrl } from '../loopback.ts'
import { type Failure, fieldFailure } from '../queue/failures.ts'
import { SCENARIO_HOST } from '../queue/scenarios.ts'
import type { MediaStore } from './media.ts'

interface LoadDeps {
  media: MediaStore
  baseUrl: string
  signal: AbortSignal
}

/** The image cannot be used at all. */
export class ImageError extends Error {
  override name = 'ImageError'
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.error)
    this.failure = failure
  }
}

const FETCH_TIMEOUT_MS = 5_000
const MAX_FETCH_BYTES = 20_000_000
/** A larger image is rejected before it is decoded. */
export const MAX_PIXELS = 50_000_000

/**
 * Loads the image of `image_url`: a data URI, a file of this sandbox, or a URL on this machine. The sandbox calls no
 * other host: a placeholder drawn from the URL replaces such an image, with a warning for the request's log.
 * @throws {ImageError} when `imageUrl` is not an http(s) or data URL, or its bytes are not an image.
 */
export async function loadImage(
  imageUrl: string,
  deps: LoadDeps,
): Promise<{ bytes: Uint8Array; warning: string | null }> {
  if (imageUrl.startsWith('data:')) return { bytes: await checked(decodeDataUri(imageUrl), imageUrl), warning: null }
  if (!URL.canParse(imageUrl) || !/^https?:$/.test(new URL(imageUrl).protocol))
    throw new ImageError(
      fieldFailure('image_url', 'file_download_error', 'Failed to download the file: expected an http(s) or data URL', {
        input: imageUrl,
      }),
    )
  try {
    const bytes = await fetchBytes(imageUrl, deps)
    return { bytes: await checked(bytes, imageUrl), warning: null }
  } catch (error) {
    if (error instanceof ImageError || deps.signal.aborted) throw error
    const reason = error instanceof Error ? error.message : String(error)
    // All scenarios share one image, and so one encoded clip: they differ in how the request runs.
    const subject = new URL(imageUrl).hostname === SCENARIO_HOST ? SCENARIO_HOST : imageUrl
    return { bytes: await drawPlaceholder(subject), warning: warningOf(imageUrl, reason) }
  }
}

/** The most recently drawn placeholders: a load test requests the same one many times. */
const drawn = new Map<string, Promise<Uint8Array>>()
const MAX_DRAWN = 20

/** Draws a small landscape whose colours derive from a text: the same text always gives the same image. */
function drawPlaceholder(text: string): Promise<Uint8Array> {
  const image = drawn.get(text) ?? draw(text)
  drawn.delete(text)
  drawn.set(text, image) // moves it to the end: the Map is in order of use
  for (const oldest of drawn.keys()) if (drawn.size > MAX_DRAWN) drawn.delete(oldest)
  return image
}

async function draw(text: string): Promise<Uint8Array> {
  const digest = createHash('sha256').update(text).digest()
  const byte = (index: number) => digest[index] ?? 0
  const hue = Math.round((byte(0) / 255) * 360)
  const sun = { x: 200 + byte(1) * 2.4, y: 110 + byte(2) * 0.5, radius: 40 + byte(3) * 0.2 }
  const hills = [0, 1, 2].map((layer) => {
    const top = 300 + layer * 85
    const bend = (offset: number) => top - byte(4 + layer * 3 + offset) * 0.45
    const light = 48 - layer * 14
    return `<path fill="hsl(${(hue + 150 + layer * 12) % 360} 45% ${light}%)"
      d="M0 ${bend(0)} C 250 ${bend(1) - 60}, 380 ${top + 50}, 560 ${bend(1)} S 880 ${bend(2) - 40}, 1024 ${bend(2)} V576 H0Z"/>`
  })
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1024 576" width="1024" height="576">
    <defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="hsl(${hue} 60% 35%)"/>
    <stop offset="1" stop-color="hsl(${(hue + 40) % 360} 80% 78%)"/></linearGradient></defs>
    <rect width="1024" height="576" fill="url(#sky)"/>
    <circle cx="${sun.x}" cy="${sun.y}" r="${sun.radius}" fill="hsl(${(hue + 50) % 360} 95% 88%)"/>${hills.join('')}</svg>`
  return await sharp(Buffer.from(svg)).png().toBuffer()
}

async function fetchBytes(imageUrl: string, { media, baseUrl, signal }: LoadDeps): Promise<Uint8Array> {
  const own = imageUrl.startsWith(`${baseUrl}/files/`) ? media.find(imageUrl.split('/')[4] ?? '') : undefined
  if (own) return await readFile(media.pathOf(own.id))
  if (!isLoopbackUrl(imageUrl)) throw new Error('the sandbox calls no other machine')
  const response = await fetch(imageUrl, {
    redirect: 'error', // a redirect could leave this machine
    signal: AbortSignal.any([signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]),
  })
  if (!response.ok) throw new Error(`HTTP ${response.status}`)
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > MAX_FETCH_BYTES) throw new Error(`larger than ${MAX_FETCH_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function decodeDataUri(uri: string): Uint8Array {
  const comma = uri.indexOf(',')
  const head = uri.slice(0, Math.max(comma, 0))
  const data = uri.slice(comma + 1)
  if (head.endsWith(';base64')) return Buffer.from(data, 'base64')
  try {
    return Buffer.from(decodeURIComponent(data))
  } catch {
    return new Uint8Array() // stray percent signs: the check that follows rejects the empty image
  }
}

async function checked(bytes: Uint8Array, imageUrl: string): Promise<Uint8Array> {
  try {
    await sharp(bytes, { limitInputPixels: MAX_PIXELS }).metadata()
    return bytes
  } catch {
    throw new ImageError(
      fieldFailure('image_url', 'image_load_error', 'Failed to load the image: it is damaged or not an image', {
        input: imageUrl.slice(0, 200), // a data URI can be megabytes
      }),
    )
  }
}

function warningOf(imageUrl: string, reason: string): string {
  const { host, hostname } = new URL(imageUrl)
  if (hostname === SCENARIO_HOST) return 'Sandbox: this host only names scenarios; a drawn image is used'
  return `Sandbox: the image at ${host} was not loaded (${reason}); a drawn image is used instead`
}
