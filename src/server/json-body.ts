import { randomBytes } from 'node:crypto'
import { StringDecoder } from 'node:string_decoder'
import { MAX_OPERATION_BYTES } from './memory-budget.ts'

const DATA_URI = '"data:'
/**
 * The characters of a long string: those of a URI, and the white space that some base64 encoders add. V8 stores them in
 * one byte each, which keeps every later pass over the string fast.
 */
const URI_TEXT = /^[\t\n\r\x20\x21\x23-\x5b\x5d-\x7e]*$/

type Place = 'outside' | 'string' | 'data URI'

/**
 * Parses JSON in which data URIs (ASCII strings that start with `data:`) may be long and the rest must be short. They are
 * moved out of the text as it arrives, so that JSON.parse only sees the rest. A long body of anything else is never
 * parsed, and each chunk blocks the event loop only in proportion to its length.
 */
export function createJsonBody() {
  const decoder = new StringDecoder('utf8')
  const rest: string[] = []
  const dataUris: string[][] = []
  /** Random, so that no string of the sender can pass for a placeholder. */
  const prefix = `data:${randomBytes(6).toString('base64url')}:`
  let restBytes = 0
  let place: Place = 'outside'
  /** The end of a chunk that needs the next one: part of an escape or of `"data:`. */
  let pending = ''

  function keep(text: string): void {
    rest.push(text)
    restBytes += Buffer.byteLength(text)
  }

  /** A character outside the URI set makes the string an ordinary one, which must be short. */
  function keepDataUri(text: string): void {
    const pieces = dataUris.at(-1) ?? []
    pieces.push(text)
    if (URI_TEXT.test(text)) return
    dataUris.pop()
    rest.pop()
    keep('"')
    for (const piece of pieces) if (restBytes <= MAX_OPERATION_BYTES) keep(JSON.stringify(piece).slice(1, -1))
    place = 'string'
  }

  function consume(text: string, isLast: boolean): void {
    let at = 0
    while (at < text.length && restBytes <= MAX_OPERATION_BYTES) {
      const quote = place === 'outside' ? text.indexOf('"', at) : findClosingQuote(text, at)
      if (place === 'outside' && quote !== -1 && !isLast && text.length - quote < DATA_URI.length) {
        keep(text.slice(at, quote))
        pending = text.slice(quote)
        return
      }
      const end = quote === -1 ? text.length - (isLast || place === 'outside' ? 0 : halfEscape(text, at)) : quote
      if (place === 'data URI') keepDataUri(decodeEscapes(text.slice(at, end)))
      else keep(text.slice(at, end))
      if (quote === -1) {
        pending = text.slice(end)
        return
      }
      at = quote + 1
      if (place !== 'outside') {
        keep('"')
        place = 'outside'
      } else if (text.slice(quote, quote + DATA_URI.length).toLowerCase() === DATA_URI) {
        // JSON.parse sees a short placeholder.
        keep(`"${prefix}${dataUris.length}`)
        dataUris.push([])
        place = 'data URI'
      } else {
        keep('"')
        place = 'string'
      }
    }
  }

  return {
    /** False once the text outside data URIs is too long. @throws SyntaxError as `end` does */
    write: (chunk: Uint8Array): boolean => {
      const text = pending + decoder.write(chunk)
      pending = ''
      consume(text, false)
      return restBytes <= MAX_OPERATION_BYTES
    },
    /** @throws SyntaxError when the text is not valid JSON */
    end: (): unknown => {
      consume(pending + decoder.end(), true)
      const holder = { json: JSON.parse(rest.join('')) as unknown }
      // Joined once per data URI, however often a placeholder occurs: 5 kB of them could be 4 GB of text.
      const values = new Map<unknown, string>(dataUris.map((pieces, index) => [`${prefix}${index}`, pieces.join('')]))
      if (values.size > 0) replaceValues(holder, values)
      return holder.json
    },
  }
}

/** Replaces values at any depth. A reviver of JSON.parse takes 110 ms for 85,000 objects, and recurses. */
function replaceValues(holder: object, values: ReadonlyMap<unknown, unknown>): void {
  const open = [holder as Record<string, unknown>]
  for (let parent = open.pop(); parent; parent = open.pop())
    for (const key of Object.keys(parent)) {
      const value = parent[key]
      if (typeof value === 'object' && value !== null) open.push(value as Record<string, unknown>)
      else if (values.has(value)) parent[key] = values.get(value)
    }
}

/** The first unescaped quote at or after `from`; -1 when there is none. */
function findClosingQuote(text: string, from: number): number {
  let quote = text.indexOf('"', from)
  while (quote !== -1 && isEscaped(text, quote, from)) quote = text.indexOf('"', quote + 1)
  return quote
}

/** Whether an odd number of backslashes precedes the index. @param from - a position outside any escape */
function isEscaped(text: string, index: number, from: number): boolean {
  let first = index
  while (first > from && text[first - 1] === '\\') first--
  return (index - first) % 2 === 1
}

/** The length of an incomplete escape at the end of the text. */
function halfEscape(text: string, from: number): number {
  const backslash = text.lastIndexOf('\\')
  if (backslash < from || isEscaped(text, backslash, from)) return 0
  const length = text.length - backslash
  return length < (text[backslash + 1] === 'u' ? UNICODE_ESCAPE_LENGTH : SHORT_ESCAPE_LENGTH) ? length : 0
}

function decodeEscapes(text: string): string {
  if (CONTROL_CHARACTER.test(text)) throw new SyntaxError('A JSON string must not contain raw control characters.')
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern matches control characters
const CONTROL_CHARACTER = /[\0-\x1f]/
const UNICODE_ESCAPE_LENGTH = '\\u0041'.length
const SHORT_ESCAPE_LENGTH = '\\n'.length
