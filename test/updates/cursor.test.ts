import { expect, test } from 'vitest'
import { InvalidArgumentError } from '../../src/errors.ts'
import { parseCursor, toCursor } from '../../src/updates/cursor.ts'

const JOB = '01890a5d-ac96-774b-bcce-b302099a8057'
const OTHER = '01890a5d-ac96-774b-bcce-b302099a8058'

function errorOf(cursor: string, jobId = JOB): unknown {
  try {
    return parseCursor(cursor, jobId, 'after')
  } catch (error) {
    return error
  }
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}

test.each([0, 1, 42, 2_147_483_647])('a cursor at %d is decoded to the same sequence', (sequence) => {
  expect(parseCursor(toCursor(JOB, sequence), JOB, 'after')).toBe(sequence)
})

test('a cursor can stand in a URL', () => {
  expect(toCursor(JOB, 12)).toMatch(/^[\w-]+$/)
})

test('a cursor of another job is refused by name', () => {
  const error = errorOf(toCursor(OTHER, 3))
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument: 'after', message: expect.stringContaining('another job') })
})

test.each([
  ['empty', ''],
  ['a number', '3'],
  ['a word', 'not a cursor'],
  ['the id alone', encode(JOB)],
  ['without a number', encode(`${JOB}:`)],
  ['with a negative number', encode(`${JOB}:-1`)],
  ['with a fraction', encode(`${JOB}:1.5`)],
  ['with leading zeros', encode(`${JOB}:007`)],
  ['with a number of eleven digits', encode(`${JOB}:12345678901`)],
  ['in capitals', encode(`${JOB.toUpperCase()}:3`)],
  ['with something behind it', encode(`${JOB}:3\n`)],
  ['with a NUL', encode(`\0${JOB}:3`)],
  ['padded', `${toCursor(JOB, 12)}==`],
  ['with white space', ` ${toCursor(JOB, 3)}`],
  ['cut off', toCursor(JOB, 3).slice(0, -1)],
  ['beyond ASCII', encode(`${JOB}:３`)],
])('a malformed cursor is refused: %s', (_name, cursor) => {
  expect(errorOf(cursor)).toBeInstanceOf(InvalidArgumentError)
  expect(errorOf(cursor)).toMatchObject({ argument: 'after', message: expect.stringContaining('is not a cursor') })
})

test('a cursor has one spelling: a change of any character is another cursor, or none', () => {
  const cursor = toCursor(JOB, 3)
  for (let index = 0; index < cursor.length; index++) {
    for (const character of 'AQgw_-9') {
      if (cursor[index] === character) continue
      const edited = cursor.slice(0, index) + character + cursor.slice(index + 1)
      const read = errorOf(edited)
      if (typeof read === 'number') expect({ edited, means: toCursor(JOB, read) }).toEqual({ edited, means: edited })
      else expect(read).toBeInstanceOf(InvalidArgumentError)
    }
  }
})
