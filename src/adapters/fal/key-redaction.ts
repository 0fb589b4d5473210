/**
 * Finds fal's key in text in any form: in another case, encoded, escaped, spaced out, reversed or cut. Text and key are
 * reduced to letters and digits, and every long run that they share is redacted. Linear in the text.
 */

const REDACTED = '[redacted]'
/** Length of a shared run that counts as the key: one in 36^12 by chance, and longer than ordinary words. */
const LONGEST_SHARED = 12
/** A key cut by one character lacks two hexadecimal or base64 digits. */
const CUT = 2
/** Part of a shorter key may be an ordinary word, so such a key must match whole. */
const SHORTEST_SHARED = 6
/** Length of the substrings looked up at intervals: every run that counts contains a whole one. */
const ANCHOR = 4
/** fal's keys are `id:secret`. A shorter secret would match ordinary words. */
const SHORTEST_SECRET = 6

/** One encoding of the key, reduced, and the length of a run that counts. */
interface Form {
  text: string
  shared: number
}

interface Matcher {
  /** Every position in every form, by the ANCHOR characters found there. */
  anchors: ReadonlyMap<string, readonly { form: Form; at: number }[]>
  stride: number
}

/** The text with the key and its secret half redacted. */
export function redactKey(text: string, key: string | null): string {
  const ranges = key === null ? [] : findKey(text, key)
  if (ranges.length === 0) return text
  let redacted = ''
  let after = 0
  for (const { start, end } of ranges) {
    redacted += text.slice(after, start) + REDACTED
    after = end
  }
  return redacted + text.slice(after)
}

export function mentionsKey(text: string, key: string | null): boolean {
  return key !== null && findKey(text, key).length > 0
}

function findKey(text: string, key: string): { start: number; end: number }[] {
  const { anchors, stride } = toMatcher(key)
  const ranges: { start: number; end: number }[] = []
  if (text.length < ANCHOR || anchors.size === 0) return ranges
  const { letters, starts, ends } = reduce(text)
  let found = 0
  for (let at = 0; at + ANCHOR <= letters.length; at = Math.max(at + stride, found)) {
    for (const place of anchors.get(letters.slice(at, at + ANCHOR)) ?? []) {
      const { from, to } = extend(letters, at, place)
      if (to - from < place.form.shared || to <= found) continue
      const start = starts[Math.max(from, found)] ?? 0
      const end = ends[to - 1] ?? 0
      const last = ranges.at(-1)
      if (last && last.end >= start) last.end = end
      else ranges.push({ start, end })
      found = to
    }
  }
  return ranges
}

/** Extends a shared anchor in both directions to the whole run that text and form share. */
function extend(letters: string, at: number, place: { form: Form; at: number }): { from: number; to: number } {
  const { text } = place.form
  let before = 0
  while (at > before && place.at > before && letters[at - before - 1] === text[place.at - before - 1]) before++
  let after = ANCHOR
  while (place.at + after < text.length && letters[at + after] === text[place.at + after]) after++
  return { from: at - before, to: at + after }
}

let latest: { key: string; matcher: Matcher } | null = null

/** Caches the matcher of the latest key: a process has one key, or few. */
function toMatcher(key: string): Matcher {
  if (latest?.key !== key) latest = { key, matcher: createMatcher(key) }
  return latest.matcher
}

function createMatcher(key: string): Matcher {
  const secret = key.slice(key.indexOf(':') + 1)
  const secrets = secret.length >= SHORTEST_SECRET ? [key, secret] : [key]
  const cased = secrets.flatMap((text) => [text, text.toLowerCase(), text.toUpperCase()])
  const encoded = cased.flatMap((text) => [text, ...toEncodings(text)]).map((text) => reduce(text).letters)
  const texts = new Set(encoded.flatMap((text) => [text, [...text].toReversed().join('')]))
  const forms = [...texts].filter(({ length }) => length >= ANCHOR).map(toForm)
  const anchors = new Map<string, { form: Form; at: number }[]>()
  for (const form of forms)
    for (let at = 0; at + ANCHOR <= form.text.length; at++) {
      const anchor = form.text.slice(at, at + ANCHOR)
      const places = anchors.get(anchor)
      if (places) places.push({ form, at })
      else anchors.set(anchor, [{ form, at }])
    }
  return { anchors, stride: Math.min(...forms.map(({ shared }) => shared)) - ANCHOR + 1 }
}

function toForm(text: string): Form {
  const least = Math.min(SHORTEST_SHARED, text.length)
  return { text, shared: Math.min(LONGEST_SHARED, Math.max(text.length - CUT, least)) }
}

/** Hexadecimal, and base64 after 0, 1 or 2 other bytes, without the digits that depend on those bytes. */
function toEncodings(text: string): string[] {
  const bytes = Buffer.from(text)
  const aligned = [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64url')
    return encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
  })
  return [bytes.toString('hex'), ...aligned]
}

/** An escape sequence in JSON, JavaScript, HTML or URLs, also when escaped more than once. */
const ESCAPE =
  /\\{1,8}(?:u\{([0-9a-f]{1,6})\}|u([0-9a-f]{4})|x([0-9a-f]{2})|[bfnrtv0])|%(?:25){0,8}([0-9a-f]{2})|&(?:amp;){0,8}(?:#x([0-9a-f]{1,8});?|#(\d{1,9});?|[a-z]{2,31};)/iy

/** A text's letters and digits, unescaped and in lower case, with the start and end of each in the text. */
function reduce(text: string): { letters: string; starts: Uint32Array; ends: Uint32Array } {
  const codes = Buffer.allocUnsafe(text.length)
  const starts = new Uint32Array(text.length)
  const ends = new Uint32Array(text.length)
  let count = 0
  for (let at = 0; at < text.length; ) {
    let code = text.charCodeAt(at)
    let end = at + 1
    if (code === BACKSLASH || code === PERCENT || code === AMPERSAND) {
      ESCAPE.lastIndex = at
      const escaped = ESCAPE.exec(text)
      if (escaped) {
        const [whole, braced, four, two, percent, hex, decimal] = escaped
        const digits = braced ?? four ?? two ?? percent ?? hex
        code = digits === undefined ? Number(decimal ?? 0) : Number.parseInt(digits, 16)
        end = at + whole.length
      }
    }
    const letter = code < LETTERS.length ? (LETTERS[code] ?? 0) : 0
    if (letter !== 0) {
      codes[count] = letter
      starts[count] = at
      ends[count++] = end
    }
    at = end
  }
  return { letters: codes.toString('latin1', 0, count), starts, ends }
}

const BACKSLASH = 0x5c
const PERCENT = 0x25
const AMPERSAND = 0x26

/** By character code: the lower-case letter or digit; 0 for other characters. */
const LETTERS = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  return /[a-z0-9]/i.test(character) ? character.toLowerCase().charCodeAt(0) : 0
})
