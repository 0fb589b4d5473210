import { describe, expect, test } from 'vitest'
import { createJsonBody } from '../../src/server/json-body.ts'
import { createSeeded, type Seeded } from '../helpers/seeded.ts'

/** Reads bytes in pieces of the given size. */
function read(bytes: Uint8Array, pieceBytes: number): unknown {
  const body = createJsonBody()
  for (let start = 0; start < bytes.length; start += pieceBytes)
    if (!body.write(bytes.subarray(start, start + pieceBytes))) return 'too large'
  return body.end()
}

const encode = (text: string) => new TextEncoder().encode(text)

const PIECES = [
  'data:',
  'data:0',
  'DATA:',
  'image/png;base64,',
  'AAAA',
  '\\',
  '"',
  '/',
  '\n',
  '\u0000',
  'é',
  '漢',
  '😀',
  '{',
  '}',
  ':',
  'u0041',
  ' ',
]

function makeText(random: Seeded): string {
  const text = Array.from({ length: random.whole(0, 8) }, () => PIECES[random.whole(0, PIECES.length - 1)]).join('')
  return random.chance(0.5) ? `data:${text}` : text
}

function makeValue(random: Seeded, depth = 0): unknown {
  if (depth < 3 && random.chance(0.4))
    return Array.from({ length: random.whole(0, 4) }, () => makeValue(random, depth + 1))
  if (depth < 3 && random.chance(0.5))
    return Object.fromEntries(
      Array.from({ length: random.whole(0, 4) }, () => [
        random.whole(0, 99).toString(36),
        makeValue(random, depth + 1),
      ]),
    )
  return random.chance(0.8) ? makeText(random) : random.whole(-5, 5)
}

/** As some clients write it: PHP escapes slashes, .NET what is no letter, Python what is no ASCII. */
function escapeMore(json: string, random: Seeded): string {
  if (random.chance(0.3)) return json.replaceAll('/', '\\/')
  if (random.chance(0.3))
    return json.replace(/[+/;]|[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return json
}

const SEED = Number(process.env.SEED ?? 20_261_127)

test(`JSON in pieces of any size is what JSON.parse makes of it (seed ${SEED})`, () => {
  const random = createSeeded(SEED)
  for (let round = 0; round < 2000; round++) {
    const json = escapeMore(JSON.stringify(makeValue(random)), random)
    expect([json, read(encode(json), random.whole(1, 20))]).toEqual([json, JSON.parse(json)])
  }
})

test(`what JSON.parse refuses is refused, however it was cut or changed (seed ${SEED})`, () => {
  const random = createSeeded(SEED)
  for (let round = 0; round < 2000; round++) {
    const json = JSON.stringify({ a: makeText(random), b: [makeText(random)] })
    const cut = json.slice(0, random.whole(0, json.length - 1))
    expect(() => read(encode(cut), random.whole(1, 20)), cut).toThrow(SyntaxError)
  }
})

describe('what is long', () => {
  const MB = 1024 * 1024
  const long = 'A'.repeat(14 * MB)

  test('is read in a data URI', () => {
    expect(read(encode(`{"a":"data:${long}"}`), 65_536)).toEqual({ a: `data:${long}` })
  })

  test('is read in a data URI that is broken into lines, or escaped as PHP and .NET do', () => {
    const lines = `data:${'A/+\n'.repeat(MB)}`
    const json = JSON.stringify({ a: lines })
    for (const escaped of [json, json.replaceAll('/', '\\/'), json.replaceAll('+', '\\u002B')])
      expect(read(encode(escaped), 65_536)).toEqual({ a: lines })
  })

  test('is there once, however many strings look like its name', () => {
    const names = Array.from({ length: 10_000 }, () => '"\\u0064ata:0"')
    const json = `{"a":"data:${long}","b":[${names}]}`
    // 140 GB, if each became the text that it names.
    expect(read(encode(json), 65_536)).toEqual({ a: `data:${long}`, b: names.map(() => 'data:0') })
  })

  test('stands beside JSON of any depth', () => {
    const json = `{"a":"data:${long}","b":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
    expect(read(encode(json), 65_536)).toMatchObject({ a: `data:${long}` })
  })

  test.each<[string, string]>([
    ['a string', `{"a":"${long}"}`],
    ['a data URI that is not at the beginning of its string', `{"a":" data:${long}"}`],
    ['a data URI behind an escape', `{"a":"\\"data:${long}"}`],
    ['a list', `[${'[],'.repeat(1e6)}`],
    ['brackets', '['.repeat(MB)],
    ['names', `{${'"a":1,'.repeat(1e6)}`],
    ['quotes', '"'.repeat(MB)],
    ['backslashes', `"${'\\'.repeat(MB)}`],
    ['escaped quotes', `"${'\\"'.repeat(MB)}`],
    ['short data URIs', `[${'"data:",'.repeat(1e6)}`],
    ['a data URI of escaped quotes', `{"a":"data:${'\\"'.repeat(MB)}"}`],
    ['a data URI of characters of many bytes', `{"a":"data:${'漢'.repeat(100_000)}"}`],
    ['a data URI with one such character at its end', `{"a":"data:${long}漢"}`],
    ['a data URI with an escape of one', `{"a":"data:\\u6f22${long}"}`],
    ['characters of many bytes', `{"a":"${'漢'.repeat(100_000)}"}`],
    ['white space', ' '.repeat(MB)],
  ])('is refused as %s', (_name, json) => {
    expect(read(encode(json), 65_536)).toBe('too large')
  })
})

test.each([1, 2, 7, 100])(
  'a raw control character is no JSON in a data URI either, read %i bytes at a time',
  (pieceBytes) => {
    expect(() => read(encode('{"a":"data:\n x"}'), pieceBytes)).toThrow(SyntaxError)
    expect(() => read(encode('"data:\u0001\\\\a"'), pieceBytes)).toThrow(SyntaxError)
    expect(read(encode('"data:\\n x"'), pieceBytes)).toBe('data:\n x')
  },
)

test('a string that looks like a placeholder is not replaced', () => {
  const text = '["data:image/png;base64,AAAA","\\u0064ata:0",{"\\u0064ata:0":1}]'
  expect(read(encode(text), 100)).toEqual(JSON.parse(text))
})
