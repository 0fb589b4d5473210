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

test('a stream that begins with 65,000 lines is compared in steps that grow with it, not with its square', () => {
  const alike = lines('x'.repeat(65_000)).map((line) => ({ ...line, at: null }))
  const tail = createLogTail()
  // All but the oldest of what is remembered fits at each place: the most steps there can be.
  tail.reset([...lines('y'), ...alike.slice(0, 49)])
  const before = process.cpuUsage()
  expect(tail.countKnown([...lines('z'), ...alike])).toBe(0)
  // Squared it took 6 s; the limit leaves room for a machine at work.
  expect(process.cpuUsage(before).user).toBeLessThan(1_500_000)
})

test('nothing is known at first', () => {
  expect(createLogTail().countKnown(lines('abc'))).toBe(0)
})

/** The same without a time. */
const untimed = (letters: string) => lines(letters).map((line) => ({ ...line, at: null }))

test.each<[string, FalLogLine[], FalLogLine[], number]>([
  ['tells the same again', lines('abc'), lines('abc'), 3],
  ['tells all of it and more', lines('abc'), lines('abcd'), 3],
  ['tells what is new', lines('abc'), lines('de', 3), 0],
  ['tells the same words at another time', lines('abc'), lines('abc', 3), 0],
  ['tells all of it and more, without times', untimed('abc'), untimed('abcd'), 3],
  ['tells the same words without times', untimed('abc'), untimed('abc'), 0],
  ['begins and ends alike, with other lines between', untimed('aba'), untimed('axay'), 0],
  [
    'has one line with a time among those without',
    [...untimed('ab'), ...lines('c')],
    [...untimed('ab'), ...lines('c')],
    0,
  ],
])('of an event that %s, what was told before is known', (_what, before, event, known) => {
  expect(countRepeated(toLinesDigest(before), event)).toBe(known)
})

test('before the first event nothing has been told', () => {
  expect(countRepeated(null, lines('abc'))).toBe(0)
})
