import { randomBytes } from 'node:crypto'
import { StringDecoder } from 'node:string_decoder'
import { MAX_OPERATION_BYTES } from './memory-budget.ts'

/** Reads JSON in which data URIs (ASCII that begins with `data:`) may be long, and everything else together is short. */
export interface JsonBody {
  /** False when what is not in a data URI has become too long. */
  write(chunk: Uint8Array): boolean
  /** @throws SyntaxError when it is no JSON */
  end(): unknown
}

const DATA_URI = '"data:'
/**
 * What a long string may consist of: the characters of a URI, and the white space that some base64 encoders add. V8 stores
 * them in one byte each, so that every later pass over the whole string is a fast one.
 */
const URI_TEXT = /^[\t\n\r\x20\x21\x23-\x5b\x5d-\x7e]*$/

type Place = 'outside' | 'string' | 'data URI'

/**
 * Takes the data URIs out of the text as it comes in, so that JSON.parse only sees what is left: of 15 MB of anything
 * else nothing is parsed, and no chunk holds the event loop for longer than its own length is worth.
 */
export function createJsonBody(): JsonBody {
  const decoder = new StringDecoder('utf8')
  const rest: string[] = []
  const dataUris: string[][] = []
  /** Unknown to the sender, whose own strings are never taken for a name. */
  const prefix = `data:${randomBytes(6).toString('base64url')}:`
  let restBytes = 0
  let place: Place = 'outside'
  /** The end of a chunk that cannot be understood without the next one: the half of an escape, or of `"data:`. */
  let pending = ''

  function keep(text: string): void {
    rest.push(text)
    restBytes += Buffer.byteLength(text)
  }

  /** Treats the string as an ordinary one, which has to be short, from the first character that no URI has. */
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

  function take(text: string, isLast: boolean): void {
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
        // JSON.parse gets a short name for it.
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
    write: (chunk) => {
      const text = pending + decoder.write(chunk)
      pending = ''
      take(text, false)
      return restBytes <= MAX_OPERATION_BYTES
    },
    end: () => {
      take(pending + decoder.end(), true)
      const holder = { json: JSON.parse(rest.join('')) as unknown }
      // Joined once, however often its name comes: 5 kB of such names would be 4 GB of text.
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

/** The first quote from here on that no backslash stands before; -1 when there is none. */
function findClosingQuote(text: string, from: number): number {
  let quote = text.indexOf('"', from)
  while (quote !== -1 && isEscaped(text, quote, from)) quote = text.indexOf('"', quote + 1)
  return quote
}

/** Whether an odd number of backslashes stands before this place. @param from - where no escape is under way */
function isEscaped(text: string, index: number, from: number): boolean {
  let first = index
  while (first > from && text[first - 1] === '\\') first--
  return (index - first) % 2 === 1
}

/** The length of the escape that the text breaks off in. */
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

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL_CHARACTER = /[\0-\x1f]/
const UNICODE_ESCAPE_LENGTH = '\\u0041'.length
const SHORT_ESCAPE_LENGTH = '\\n'.length
