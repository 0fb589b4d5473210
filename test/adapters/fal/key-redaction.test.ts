import { describe, expect, test } from 'vitest'
import { mentionsKey, redactKey } from '../../../src/adapters/fal/key-redaction.ts'
import { createSeeded } from '../../helpers/seeded.ts'

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 32)
const random = createSeeded(SEED)

function pick<T>(items: readonly T[]): T {
  return items[random.whole(0, items.length - 1)] as T
}

const draw = (alphabet: string, length: number) => Array.from({ length }, () => pick([...alphabet])).join('')
const HEX = '0123456789abcdef'
const WORDS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

function drawUuid(): string {
  return [8, 4, 4, 4, 12].map((length) => draw(HEX, length)).join('-')
}

/** Keys in fal's format and in others. */
function drawKey(): string {
  return pick([
    () => `${drawUuid()}:${draw(HEX, 32)}`,
    () => `${drawUuid()}:${draw(WORDS, random.whole(20, 64))}`,
    () => draw(WORDS, random.whole(20, 64)),
  ])()
}

type Change = (text: string) => string

const each =
  (change: (character: string, code: number) => string): Change =>
  (text) =>
    [...text].map((character) => change(character, character.charCodeAt(0))).join('')
const toHex = (code: number, length: number) => code.toString(16).padStart(length, '0')
const between = (separator: string) => each((character) => character + separator)

/** Truncated keys, and the text around a key. */
const CUTS: Record<string, Change> = {
  whole: (text) => text,
  'without its first character': (text) => text.slice(1),
  'without its last character': (text) => text.slice(0, -1),
  'behind one byte': (text) => `x${text}`,
  'as a header has it': (text) => `Key ${text}`,
  'in quotes': (text) => JSON.stringify({ key: text }),
}

const ENCODINGS: Record<string, Change> = {
  plain: (text) => text,
  base64: (text) => Buffer.from(text).toString('base64'),
  base64url: (text) => Buffer.from(text).toString('base64url'),
  hexadecimal: (text) => Buffer.from(text).toString('hex'),
  reversed: (text) => [...text].toReversed().join(''),
}

const ESCAPES: Record<string, Change> = {
  none: (text) => text,
  'upper case': (text) => text.toUpperCase(),
  'lower case': (text) => text.toLowerCase(),
  'any case': each((character) => (random.chance(0.5) ? character.toUpperCase() : character.toLowerCase())),
  percent: each((_, code) => `%${toHex(code, 2)}`),
  'percent, twice': each((_, code) => `%25${toHex(code, 2)}`),
  'some percent': each((character, code) => (random.chance(0.3) ? `%${toHex(code, 2).toUpperCase()}` : character)),
  '\\u': each((_, code) => `\\u${toHex(code, 4)}`),
  '\\u, twice': each((_, code) => `\\\\u${toHex(code, 4)}`),
  '\\u{}': each((_, code) => `\\u{${toHex(code, 2)}}`),
  '\\x': each((_, code) => `\\x${toHex(code, 2)}`),
  'decimal entities': each((_, code) => `&#${code};`),
  'padded entities': each((_, code) => `&#00${code};`),
  'hexadecimal entities': each((_, code) => `&#x${toHex(code, 2)};`),
  'entities, twice': each((_, code) => `&amp;#${code};`),
  spaces: between(' '),
  'line breaks': (text) => text.replaceAll(/.{7}/g, '$&\r\n'),
  'escaped line breaks': (text) => text.replaceAll(/.{7}/g, '$&\\n'),
  'zero-width characters': between('\u200b'),
  'named entities': between('&shy;'),
  dashes: between('-'),
}

const toLetters = (text: string) => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '')

/** True when a run of `length` letters and digits of the form is still readable. */
function reveals(shown: string, form: string, length: number): boolean {
  const all = toLetters(form)
  const left = toLetters(shown)
  for (let at = 0; at + length <= all.length; at++) if (left.includes(all.slice(at, at + length))) return true
  return false
}

describe(`with seed ${SEED}, a key`, () => {
  const forms = Object.keys(CUTS).flatMap((cut) => Object.keys(ENCODINGS).map((encoding) => [cut, encoding] as const))

  test.each(forms)('%s, %s, is redacted in every escape', (cut, encoding) => {
    const key = drawKey()
    const secret = key.slice(key.indexOf(':') + 1)
    for (const escaping of Object.keys(ESCAPES)) {
      for (const part of [key, secret]) {
        const encoded = ENCODINGS[encoding]?.(CUTS[cut]?.(part) ?? '') ?? ''
        const form = ESCAPES[escaping]?.(encoded) ?? ''
        const shown = redactKey(`It said: ${form}, and no more`, key)
        const what = `${cut}, ${encoding}, ${escaping}: ${key} became ${form}, shown as ${shown}`
        // A letter next to the key may continue the key by chance.
        expect(shown, what).toMatch(/^It s.*\[redacted\].* more$/s)
        const lettersPerEncoded = Math.ceil(toLetters(form).length / toLetters(encoded).length)
        expect(reveals(shown, form, 20 * lettersPerEncoded), what).toBe(false)
        expect(mentionsKey(form, key), what).toBe(true)
      }
    }
  })

  test('leaves every other text unchanged', () => {
    const lines = [
      () => 'The image could not be loaded: expected a JPEG, PNG or WebP of at most 4096 pixels.',
      () => `${random.whole(0, 100)}%|####8     | 12/25 [00:01<00:02, 11.5it/s]`,
      () => new Date(random.whole(0, 2 ** 41)).toISOString(),
      () => `request ${drawUuid()} on runner ${draw(HEX, 40)}`,
      () => `https://v3.fal.media/files/${draw(WORDS, 24)}/${draw(WORDS, 20)}.mp4?x=%20&y=${draw('0123456789', 18)}`,
      () => Buffer.from(draw(WORDS, 90)).toString('base64'),
      () => 'Traceback (most recent call last): File "/app/main.py", line 12, in <module>\\n raise KeyError("key")',
    ]
    for (let turn = 0; turn < 100; turn++) {
      const key = drawKey()
      // One key for many lines, as in a running server.
      for (let round = 0; round < 30; round++)
        for (const line of lines.map((make) => make())) expect(redactKey(line, key)).toBe(line)
    }
  })
})

test('every occurrence is redacted, and the text in between is kept', () => {
  const key = 'my-key-id:my-key-secret'
  expect(redactKey(`${key} or my-key-secret, ${key}${key}!`, key)).toBe('[redacted] or [redacted], [redacted]!')
  expect(redactKey('a key id is no secret', key)).toBe('a key id is no secret')
})

test('text full of near matches takes no longer than other text', () => {
  const key = `${drawUuid()}:${draw(HEX, 32)}`
  const before = process.cpuUsage()
  for (const piece of [key.slice(37, 48), key.slice(40, 51), '\\', '%25', '&amp;', '&', 'a'])
    redactKey(piece.padEnd(12, '!').repeat(20_000), key)
  expect(process.cpuUsage(before).user).toBeLessThan(2_000_000)
})
