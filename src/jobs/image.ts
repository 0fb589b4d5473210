/**
 * Decides whether a file is an image that fal's models accept. Only the bytes count: declared types come from file
 * names and form libraries. Shared by the API, the command line and the studio, so it must also run in browsers.
 */

import { type FileTypeResult, fileTypeFromBlob, fileTypeFromBuffer } from 'file-type'

/** The largest accepted image, in decoded bytes: 10 MiB. */
export const MAX_IMAGE_BYTES = 10 * 1024 * 1024

const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/webp'] as const

/** The accepted media types. */
type ImageType = (typeof IMAGE_TYPES)[number]

/** An image that passed every check. `contentType` is the type of its bytes. */
export interface CheckedImage {
  contentType: ImageType
  bytes: Uint8Array<ArrayBuffer>
}

/**
 * - `BAD_DATA_URI`: not of the form `data:…;base64,` followed by base64.
 * - `EMPTY`: no bytes.
 * - `TOO_LARGE`: more than {@link MAX_IMAGE_BYTES}.
 * - `NOT_AN_IMAGE`: the bytes are not a JPEG, PNG or WebP.
 */
type ImageProblemCode = 'BAD_DATA_URI' | 'EMPTY' | 'TOO_LARGE' | 'NOT_AN_IMAGE'

/** Suitable for display to the user; contains nothing of the image. */
export interface ImageProblem {
  code: ImageProblemCode
  message: string
}

type ImageTypeOutcome = { contentType: ImageType; problem: null } | { contentType: null; problem: ImageProblem }

/** Checks the size and type of an image. Returns the problem instead of throwing it, for the user to correct. */
export async function checkImage(bytes: Uint8Array): Promise<ImageTypeOutcome> {
  const problem = checkSize(bytes.byteLength)
  if (problem !== null) return { contentType: null, problem }
  return judge(await fileTypeFromBuffer(bytes), bytes.subarray(0, HEAD_BYTES))
}

/**
 * {@link checkImage} for a file. Ignores its name and declared type, and reads only the bytes that identify the type.
 */
export async function checkImageFile(file: Blob): Promise<ImageTypeOutcome> {
  const problem = checkSize(file.size)
  if (problem !== null) return { contentType: null, problem }
  const head = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer())
  return judge(await fileTypeFromBlob(file), head)
}

export function checkSize(sizeBytes: number): ImageProblem | null {
  if (sizeBytes === 0) return { code: 'EMPTY', message: 'Expected an image; this file is empty.' }
  if (sizeBytes <= MAX_IMAGE_BYTES) return null
  // Rounded up, so that one byte above the limit is not shown as 10.0 MiB.
  const sizeMiB = (Math.ceil((sizeBytes / MIB) * 10) / 10).toFixed(1)
  const message = `Expected an image of at most ${MAX_IMAGE_BYTES / MIB} MiB; this one has ${sizeMiB} MiB: reduce its size.`
  return { code: 'TOO_LARGE', message }
}

const MIB = 1024 * 1024
/** Contains the first tag of most SVGs, even after comments and entities. */
const HEAD_BYTES = 4096

function judge(detected: FileTypeResult | undefined, head: Uint8Array): ImageTypeOutcome {
  const contentType = IMAGE_TYPES.find((type) => type === detected?.mime)
  if (contentType) return { contentType, problem: null }
  const isBinary = detected !== undefined && detected.ext !== 'xml'
  const found = isBinary ? describeFormat(detected) : (describeText(head) ?? describeUnknown(head))
  const message = `Expected a JPEG, PNG or WebP image; this is ${found}.`
  return { contentType: null, problem: { code: 'NOT_AN_IMAGE', message } }
}

const FORMATS: Record<string, string> = {
  heic: 'a HEIC image (the default of iPhones): export it as JPEG, or choose Settings › Camera › Formats › Most Compatible',
  avif: 'an AVIF image: export it as JPEG or PNG',
  gif: 'a GIF image: export it, or one of its frames, as PNG',
  apng: 'an animated PNG: export one of its frames',
  tif: 'a TIFF image: export it as JPEG or PNG',
  jxl: 'a JPEG XL image: export it as JPEG or PNG',
  jp2: 'a JPEG 2000 image: export it as JPEG or PNG',
  pdf: 'a PDF: export the page as PNG',
}

function describeFormat({ ext, mime }: FileTypeResult): string {
  const known = FORMATS[ext]
  if (known) return known
  const name = ext.toUpperCase()
  if (mime.startsWith('video/')) return `a video (${name}): export one of its frames as JPEG or PNG`
  return mime.startsWith('image/') ? `a ${name} image: export it as JPEG or PNG` : `a ${name} file`
}

/** Describes text in place of an image; null for binary data. */
function describeText(head: Uint8Array): string | null {
  const text = new TextDecoder().decode(head).trimStart()
  if (/^<(?:svg|!doctype svg)\b|^<(?:\?xml|!--|!doctype)[\s\S]*<svg\b/i.test(text))
    return 'an SVG image: export it as PNG'
  if (/^<(?:!doctype html|html|head|body)\b/i.test(text)) return 'an HTML page: provide the image itself'
  if (/^data:/i.test(text)) return 'a data URI as text: upload its decoded bytes, or pass the text as imageUrl'
  if (/^(?:\/9j\/|iVBORw0KGgo|UklGR)/.test(text)) return 'an image in base64: decode it'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: text does not contain them
  return /^[^\0-\x08\x0e-\x1f\x7f\ufffd]+$/.test(text) ? 'text' : null
}

const PNG_START = '\x89PNG'
/** U+FFFD in UTF-8, which a text decoder writes in place of the first byte of a JPEG or PNG. */
const TEXT_DAMAGE = '\xef\xbf\xbd'

function describeUnknown(head: Uint8Array): string {
  const start = String.fromCharCode(...head.subarray(0, 4))
  if (start === PNG_START) return 'a damaged PNG'
  if (start.startsWith(TEXT_DAMAGE)) return 'binary data that was decoded as text, which destroyed it'
  return 'not in any known format'
}
