import { expect, test } from 'vitest'
import type { FalLogLine } from '../../src/adapters/fal.ts'
import { createLogTail } from '../../src/relay/log-tail.ts'

/** Lines of one letter each, a second apart. */
function lines(letters: string, from = 0): FalLogLine[] {
  return [...letters].map((message, n) => ({ message, level: 'INFO', at: new Date((from + n) * 1000) }))
}

test.each<[string, FalLogLine[], number]>([
  ['repeats all and has new ones', lines('abcde'), 3],
  ['repeats all', lines('abc'), 3],
  ['repeats the last ones', lines('cde', 2), 1],
  ['has new ones only', lines('de', 3), 0],
  ['has none', [], 0],
  ['repeats a part that is not the end', lines('ab'), 0],
])('of a stream that %s, what is known is told', (_what, streamed, known) => {
  const tail = createLogTail()
  tail.reset(lines('abc'))
  expect(tail.countKnown(streamed)).toBe(known)
})

test('equal texts at different times are different lines', () => {
  const tail = createLogTail()
  tail.reset(lines('aa'))
  expect(tail.countKnown(lines('aa', 2))).toBe(0)
})

test('of lines that are equal in all, none is taken twice', () => {
  const same = (count: number): FalLogLine[] =>
    Array.from({ length: count }, () => ({ message: 'a', level: 'INFO', at: null }))
  const tail = createLogTail()
  tail.reset([...lines('x'), ...same(2)])
  expect(tail.countKnown(same(3))).toBe(2)
  expect(tail.countKnown([...lines('x'), ...same(3)])).toBe(3)
})

test('a log that is longer than what is remembered is found by its end', () => {
  const tail = createLogTail()
  tail.reset(lines('x'.repeat(500)))
  tail.append(lines('yz', 500))
  expect(tail.countKnown(lines(`${'x'.repeat(500)}yz!`))).toBe(502)
  expect(tail.countKnown(lines('z!', 501))).toBe(1)
})

test('nothing is known at first', () => {
  expect(createLogTail().countKnown(lines('abc'))).toBe(0)
})
