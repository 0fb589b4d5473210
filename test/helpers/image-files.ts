import sharp from 'sharp'

/** An image file as users send it, and the verdict that the API, the studio and the command line agree on. */
export interface ImageFile {
  /** The name and type may contradict the bytes. */
  name: string
  type: string
  bytes: Uint8Array<ArrayBuffer>
  /** The media type of the bytes, or the refusal. */
  verdict: 'image/jpeg' | 'image/png' | 'image/webp' | RegExp
}

const JPEG = await draw('jpeg')
const PNG = await draw('png')
const WEBP = await draw('webp')

export const IMAGE_FILES: readonly ImageFile[] = [
  { name: 'photo.jpg', type: 'image/jpeg', bytes: WEBP, verdict: 'image/webp' },
  { name: 'photo', type: '', bytes: JPEG, verdict: 'image/jpeg' },
  { name: 'photo.jfif', type: 'application/octet-stream', bytes: JPEG, verdict: 'image/jpeg' },
  { name: 'photo.png', type: 'image/jpg', bytes: PNG, verdict: 'image/png' },
  { name: 'photo.pdf', type: 'application/pdf', bytes: PNG, verdict: 'image/png' },
  {
    name: 'IMG_0001.jpeg',
    type: 'image/jpeg',
    bytes: box('heic', 'mif1'),
    verdict: /a HEIC image .*: export it as JPEG/,
  },
  {
    name: 'IMG_0002.heic',
    type: 'image/heic',
    bytes: box('mif1', 'heic'),
    verdict: /a HEIC image .*: export it as JPEG/,
  },
  { name: 'photo.webp', type: 'image/webp', bytes: box('avif', 'mif1'), verdict: /an AVIF image: export it/ },
  {
    name: 'clip.jpg',
    type: 'image/jpeg',
    bytes: box('isom', 'mp41'),
    verdict: /a video \(MP4\): export one of its frames/,
  },
  { name: 'a.png', type: 'image/png', bytes: await draw('gif'), verdict: /a GIF image: export it/ },
  { name: 'a.tif', type: 'image/tiff', bytes: await draw('tiff'), verdict: /a TIFF image: export it/ },
  { name: 'a.bmp', type: 'image/bmp', bytes: toBytes(`BM${'\0'.repeat(60)}`), verdict: /a BMP image: export it/ },
  { name: 'a.jxl', type: 'image/jxl', bytes: new Uint8Array([0xff, 0x0a, 0, 0, 0, 0]), verdict: /a JPEG XL image/ },
  { name: 'animated.png', type: 'image/png', bytes: toAnimated(PNG), verdict: /an animated PNG: export one/ },
  {
    name: 'a.svg',
    type: 'image/svg+xml',
    bytes: toBytes('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    verdict: /an SVG image/,
  },
  { name: 'b.svg', type: '', bytes: toBytes('<?xml version="1.0"?>\n<!-- drawn -->\n<svg/>'), verdict: /an SVG image/ },
  { name: 'a.pdf', type: 'image/png', bytes: toBytes('%PDF-1.7\n'), verdict: /a PDF: export the page/ },
  { name: 'saved.jpg', type: 'image/jpeg', bytes: toBytes('<!DOCTYPE html><p>Not found'), verdict: /an HTML page/ },
  {
    name: 'base64.png',
    type: 'image/png',
    bytes: toBytes(Buffer.from(PNG).toString('base64')),
    verdict: /in base64: decode it/,
  },
  { name: 'text.png', type: 'image/png', bytes: toBytes('no image'), verdict: /this is text/ },
  {
    name: 'sent-as-text.png',
    type: 'image/png',
    bytes: toBytes(Buffer.from(PNG).toString('utf8')),
    verdict: /decoded as text/,
  },
  { name: 'cut.png', type: 'image/png', bytes: PNG.slice(0, 12), verdict: /a damaged PNG/ },
  {
    name: 'noise.jpg',
    type: 'image/jpeg',
    bytes: new Uint8Array([1, 2, 3, 4]),
    verdict: /not in any known format/,
  },
  { name: 'empty.png', type: 'image/png', bytes: new Uint8Array(), verdict: /this file is empty/ },
  {
    name: 'large.png',
    type: 'image/png',
    bytes: pad(PNG, 10 * 1024 * 1024 + 1),
    verdict: /at most 10 MiB; this one has 10\.1 MiB/,
  },
]

/** A small image of one colour. */
async function draw(format: 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff'): Promise<Uint8Array<ArrayBuffer>> {
  const image = sharp({ create: { width: 8, height: 8, channels: 3, background: 'teal' } })
  return new Uint8Array(await image.toFormat(format).toBuffer())
}

function toBytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

function pad(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(length)
  padded.set(bytes)
  return padded
}

/** The start of an ISO media file: its brands distinguish HEIC, AVIF and MP4. */
function box(...brands: [string, string]): Uint8Array<ArrayBuffer> {
  return pad(toBytes(`\0\0\0\x14ftyp${brands[0]}\0\0\0\0${brands[1]}`), 64)
}

/** A PNG with the chunk for the number of frames, after its header of 33 bytes. */
function toAnimated(png: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array([...png.slice(0, 33), ...toBytes('\0\0\0\x08acTL'), ...new Uint8Array(12), ...png.slice(33)])
}
