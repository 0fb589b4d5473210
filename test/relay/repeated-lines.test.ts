import { expect, test } from 'vitest'
import type { FalLogLine } from '../../src/adapters/fal/types.ts'
import { countRepeated, createLogTail, toLinesDigest } from '../../src/relay/repeated-lines.ts'

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
])('of a stream that %s, the known lines are counted', (_what, streamed, known) => {
  const tail = createLogTail()
  tail.reset(lines('abc'))
  expect(tail.countKnown(streamed)).toBe(known)
})

test('equal texts at different times are different lines', () => {
  const tail = createLogTail()
  tail.reset(lines('aa'))
  expect(tail.countKnown(lines('aa', 2))).toBe(0)
})

test('of identical lines none is recorded twice', () => {
  const same = (count: number): FalLogLine[] =>
    Array.from({ length: count }, () => ({ message: 'a', level: 'INFO', at: null }))
  const tail = createLogTail()
  tail.reset([...lines('x'), ...same(2)])
  expect(tail.countKnown(same(3))).toBe(2)
  expect(tail.countKnown([...lines('x'), ...same(3)])).toBe(3)
})

test('a log longer than the tail is recognized by its end', () => {
  const tail = createLogTail()
  tail.reset(lines('x'.repeat(500)))
  tail.append(lines('yz', 500))
  expect(tail.countKnown(lines(`${'x'.repeat(500)}yz!`))).toBe(502)
  expect(tail.countKnown(lines('z!', 501))).toBe(1)
})

test('a stream that begins with 65,000 lines is compared in linear time', () => {
  const alike = lines('x'.repeat(65_000)).map((line) => ({ ...line, at: null }))
  const tail = createLogTail()
  // All but the oldest line of the tail match at each place: the worst case.
  tail.reset([...lines('y'), ...alike.slice(0, 49)])
  const before = process.cpuUsage()
  expect(tail.countKnown([...lines('z'), ...alike])).toBe(0)
  // Quadratic time took 6 s; the limit leaves room for a busy machine.
  expect(process.cpuUsage(before).user).toBeLessThan(1_500_000)
})

test('an empty tail knows no line', () => {
  expect(createLogTail().countKnown(lines('abc'))).toBe(0)
})

/** The same without a time. */
const untimed = (letters: string) => lines(letters).map((line) => ({ ...line, at: null }))

test.each<[string, FalLogLine[], FalLogLine[], number]>([
  ['repeats the same lines', lines('abc'), lines('abc'), 3],
  ['repeats all lines and has more', lines('abc'), lines('abcd'), 3],
  ['has new lines only', lines('abc'), lines('de', 3), 0],
  ['has the same texts at other times', lines('abc'), lines('abc', 3), 0],
  ['repeats all lines and has more, without times', untimed('abc'), untimed('abcd'), 3],
  ['has the same texts without times', untimed('abc'), untimed('abc'), 0],
  ['begins and ends alike, with other lines between', untimed('aba'), untimed('axay'), 0],
  [
    'has one line with a time among those without',
    [...untimed('ab'), ...lines('c')],
    [...untimed('ab'), ...lines('c')],
    0,
  ],
])('of an event that %s, the repeated lines are counted', (_what, before, event, known) => {
  expect(countRepeated(toLinesDigest(before), event)).toBe(known)
})

test('before the first event no line is known', () => {
  expect(createLogTail().countKnown(lines('abc'))).toBe(0)
})
