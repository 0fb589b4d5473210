import { setImmediate } from 'node:timers/promises'
import { type CheckedImage, checkImage, checkSize, type ImageProblem, MAX_IMAGE_BYTES } from './image.ts'

type ImageOutcome = { image: CheckedImage; problem: null } | { image: null; problem: ImageProblem }

type BytesOutcome = { bytes: Uint8Array<ArrayBuffer>; problem: null } | { bytes: null; problem: ImageProblem }

/** {@link parseDataUri}, then {@link checkImage}. */
export async function checkDataUri(text: string): Promise<ImageOutcome> {
  const { bytes, problem } = await parseDataUri(text)
  if (problem !== null) return { image: null, problem }
  const { contentType, problem: wrong } = await checkImage(bytes)
  return wrong === null ? { image: { contentType, bytes }, problem: null } : { image: null, problem: wrong }
}

/**
 * Decodes a data URI. Ignores its type and parameters, which are unreliable. Accepts base64 with line breaks, in the
 * URL alphabet and without padding, as encoders write it; rejects any other character.
 * @see https://www.rfc-editor.org/rfc/rfc2397
 */
export async function parseDataUri(text: string): Promise<BytesOutcome> {
  const header = HEADER.exec(text.slice(0, MAX_HEADER_LENGTH))?.[0]
  if (header === undefined) return refuse(text.slice(0, MAX_HEADER_LENGTH).includes(',') ? NO_BASE64 : NO_COMMA)
  const padding = PADDING.exec(text.slice(-MAX_PADDING_LENGTH))?.[0] ?? ''
  const encoded = text.slice(header.length, text.length - padding.length)
  const mostBytes = Math.floor((encoded.length * 3) / 4)
  if (encoded.length > MAX_ENCODED_LENGTH) return { bytes: null, problem: checkSize(mostBytes) as ImageProblem }
  const buffer = new Uint8Array(mostBytes)
  const bytes = buffer.subarray(0, Buffer.from(buffer.buffer).write(encoded, 'base64'))
  // Node skips characters outside base64, of which only white space is harmless.
  const isWhole = bytes.length === mostBytes && encoded.length % 4 !== 1
  const invalidAt = isWhole ? -1 : await findInvalid(encoded)
  if (invalidAt !== -1) return refuse(describeCharacter(encoded, invalidAt, header.length + invalidAt + 1))
  const problem = checkSize(bytes.length)
  return problem === null ? { bytes, problem } : { bytes: null, problem }
}

const HEADER = /^data:[\s\S]*?;\s*base64\s*,/i
/** Enough for a percent-encoded file name, which form libraries add as a parameter. */
const MAX_HEADER_LENGTH = 2000
const PADDING = /[=\t\n\r ]*$/
const MAX_PADDING_LENGTH = 100
/** Above the length of the largest image with a two-character line break after every 60 characters. */
const MAX_ENCODED_LENGTH = Math.ceil((MAX_IMAGE_BYTES / 3) * 4 * 1.05)
const NOT_BASE64 = /[^A-Za-z0-9+/_\t\n\r -]/

const NO_COMMA = 'there is no comma before the image'
const NO_BASE64 = 'there is no ;base64 before the comma, and percent-encoded images are not supported'

function refuse(found: string): BytesOutcome {
  const message = `Expected data:image/jpeg;base64, followed by the image in base64; ${found}.`
  return { bytes: null, problem: { code: 'BAD_DATA_URI', message } }
}

/**
 * The index of the first character outside base64, or -1. Ten times slower than decoding: 14 MB in one turn would block
 * the event loop for 45 ms.
 */
async function findInvalid(encoded: string): Promise<number> {
  for (let start = 0; start < encoded.length; start += SEARCHED_LENGTH) {
    const index = encoded.slice(start, start + SEARCHED_LENGTH).search(NOT_BASE64)
    if (index !== -1) return start + index
    await setImmediate()
  }
  return -1
}
const SEARCHED_LENGTH = 1024 * 1024

function describeCharacter(encoded: string, index: number, place: number): string {
  const character = encoded[index] ?? ''
  if (character === '%') return `the base64 is percent-encoded at character ${place}: do not escape it`
  if (character === '=') return `the base64 ends at character ${place}, but more text follows`
  const shown = /[\x21-\x7e]/.test(character)
    ? `"${character}"`
    : `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
  return `the base64 has ${shown} at character ${place}`
}
