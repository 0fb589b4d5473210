/**
 * Is this an image that fal's models take? Pure checks of bytes and data URIs, for settings and uploads alike.
 * What is wrong is returned, not thrown: it is the user's to correct, next to whatever else is.
 */

import { fileTypeFromBlob, fileTypeFromBuffer } from 'file-type'

/** The largest image that is taken, in bytes after decoding: 10 MiB. */
export const MAX_IMAGE_BYTES = 10 * 1024 * 1024

/** The media types that are taken, in lower case. */
export const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/webp'] as const

export type ImageType = (typeof IMAGE_TYPES)[number]

/** An image that passed every check: `contentType` is what its bytes show. */
export interface CheckedImage {
  contentType: ImageType
  bytes: Uint8Array<ArrayBuffer>
}

/** An image whose type is only what its sender says. */
export type DeclaredImage = CheckedImage

/**
 * - `BAD_DATA_URI`: not `data:image/(jpeg|png|webp);base64,` followed by padded base64.
 * - `EMPTY`: no bytes.
 * - `TOO_LARGE`: more than {@link MAX_IMAGE_BYTES}.
 * - `NOT_AN_IMAGE`: the bytes are none of {@link IMAGE_TYPES}.
 * - `TYPE_MISMATCH`: an image, but not of the type that it was declared as.
 */
export type ImageProblemCode = 'BAD_DATA_URI' | 'EMPTY' | 'TOO_LARGE' | 'NOT_AN_IMAGE' | 'TYPE_MISMATCH'

/** Fit to be shown to the user; repeats nothing of the image. */
export interface ImageProblem {
  code: ImageProblemCode
  message: string
}

export type ImageOutcome<T = CheckedImage> = { image: T; problem: null } | { image: null; problem: ImageProblem }

export type ImageTypeOutcome = { contentType: ImageType; problem: null } | { contentType: null; problem: ImageProblem }

/**
 * Takes a data URI apart; `contentType` is what it declares, still to be held against the bytes by {@link checkImage}.
 * Strict: plain padded base64 without parameters or white space. The length is checked before anything is decoded.
 */
export function parseDataUri(text: string): ImageOutcome<DeclaredImage> {
  const prefix = DATA_URI_PREFIX.exec(text.slice(0, LONGEST_PREFIX))
  const contentType = toImageType(prefix?.[1])
  if (prefix === null || contentType === null) return refuse(BAD_PREFIX)
  const encodedLength = text.length - prefix[0].length
  if (encodedLength > MAX_ENCODED_LENGTH) return refuse(toSizeProblem(Math.floor((encodedLength / 4) * 3)))
  const encoded = text.slice(prefix[0].length)
  if (encodedLength % 4 !== 0) return refuse(BAD_BASE64)
  const paddingLength = encoded.endsWith('==') ? 2 : encoded.endsWith('=') ? 1 : 0
  const sizeBytes = (encodedLength / 4) * 3 - paddingLength
  const problem = checkSize(sizeBytes)
  if (problem !== null) return refuse(problem)
  const bytes = new Uint8Array(sizeBytes)
  // Node passes over what is no base64, so that too few bytes come of it, and takes the alphabet of URLs as well. A pattern
  // for all of this takes ten times as long.
  const decodedBytes = Buffer.from(bytes.buffer).write(encoded, 'base64')
  if (decodedBytes !== sizeBytes || encoded.includes('-') || encoded.includes('_')) return refuse(BAD_BASE64)
  return { image: { contentType, bytes }, problem: null }
}

/**
 * The type that the bytes themselves show; null when it is none that is taken (an animated PNG is none).
 * @param head - the image, or its beginning. A PNG is told by its chunks up to the first image data, so a short head
 *   of one with large metadata is not recognised.
 */
export async function detectImageType(head: Uint8Array): Promise<ImageType | null> {
  return toImageType((await fileTypeFromBuffer(head))?.mime)
}

/**
 * Checks size and type of a whole image, and says what it really is.
 * @param declaredType - what the sender called it, if anything; parameters and case do not matter.
 */
export async function checkImage(bytes: Uint8Array<ArrayBuffer>, declaredType = ''): Promise<ImageOutcome> {
  const problem = checkSize(bytes.byteLength)
  if (problem !== null) return refuse(problem)
  const type = compareTypes(await detectImageType(bytes), declaredType)
  if (type.problem !== null) return refuse(type.problem)
  return { image: { contentType: type.contentType, bytes }, problem: null }
}

/** {@link checkImage} for a file, held against the type that it carries; reads only as much as tells the type. */
export async function checkImageFile(file: Blob): Promise<ImageTypeOutcome> {
  const problem = checkSize(file.size)
  if (problem !== null) return { contentType: null, problem }
  return compareTypes(toImageType((await fileTypeFromBlob(file))?.mime), file.type)
}

/** {@link parseDataUri}, then {@link checkImage} against the type that the URI declares. */
export async function checkDataUri(text: string): Promise<ImageOutcome> {
  const { image, problem } = parseDataUri(text)
  return problem === null ? checkImage(image.bytes, image.contentType) : { image, problem }
}

const DATA_URI_PREFIX = /^data:(image\/(?:jpeg|png|webp));base64,/i
const LONGEST_PREFIX = 'data:image/jpeg;base64,'.length
const MAX_ENCODED_LENGTH = Math.ceil(MAX_IMAGE_BYTES / 3) * 4
/** What browsers and HTTP clients say when they do not know: no declaration. */
const UNKNOWN_TYPE = 'application/octet-stream'
/** Never registered, but widespread. */
const ALIASES = new Map([['image/jpg', 'image/jpeg']])

function toImageType(mime: string | undefined): ImageType | null {
  return IMAGE_TYPES.find((type) => type === mime?.toLowerCase()) ?? null
}

const BAD_PREFIX: ImageProblem = {
  code: 'BAD_DATA_URI',
  message: 'Expected data:image/jpeg, data:image/png or data:image/webp, then ;base64, and the image',
}
const BAD_BASE64: ImageProblem = {
  code: 'BAD_DATA_URI',
  message: 'Expected standard base64 with padding after the comma, without white space',
}

function refuse(problem: ImageProblem): { image: null; problem: ImageProblem } {
  return { image: null, problem }
}

function compareTypes(contentType: ImageType | null, declaredType: string): ImageTypeOutcome {
  if (contentType === null) {
    const message = 'Expected a JPEG, PNG or WebP image; the file is none of them'
    return { contentType: null, problem: { code: 'NOT_AN_IMAGE', message } }
  }
  const declared = declaredType.split(';')[0]?.trim().toLowerCase() ?? ''
  const isUndeclared = declared === '' || declared === UNKNOWN_TYPE
  if (isUndeclared || toImageType(ALIASES.get(declared) ?? declared) === contentType)
    return { contentType, problem: null }
  const shown = /^[\w.+-]{1,64}\/[\w.+-]{1,64}$/.test(declared) ? declared : 'something else'
  const message = `The file is declared as ${shown}, but its bytes are ${contentType}: correct the type or the file`
  return { contentType: null, problem: { code: 'TYPE_MISMATCH', message } }
}

function checkSize(sizeBytes: number): ImageProblem | null {
  if (sizeBytes === 0) return { code: 'EMPTY', message: 'Expected an image; the file is empty' }
  return sizeBytes > MAX_IMAGE_BYTES ? toSizeProblem(sizeBytes) : null
}

function toSizeProblem(sizeBytes: number): ImageProblem {
  const message = `Expected an image of at most ${MAX_IMAGE_BYTES} bytes; it has ${sizeBytes}: make it smaller`
  return { code: 'TOO_LARGE', message }
}
