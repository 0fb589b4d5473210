import { expect, test } from 'vitest'
import { toFingerprint } from '../../src/jobs/idempotency.ts'

test('equal inputs have equal fingerprints; a value that is not set is null', () => {
  expect(toFingerprint(['a', 1, null])).toBe(toFingerprint(['a', 1, undefined]))
  expect(toFingerprint(['a', 1, null])).toMatch(/^[0-9a-f]{64}$/)
})

test('inputs that differ in anything have different fingerprints', () => {
  const inputs = [
    [],
    [null],
    [''],
    ['null'],
    ['a', 'b'],
    ['b', 'a'],
    ['ab'],
    ['a,b'],
    ['a","b'],
    ['a', null, 'b'],
    [1],
    ['1'],
    [1.5],
    [0],
    [2],
  ]
  const fingerprints = inputs.map(toFingerprint)
  expect(new Set(fingerprints).size).toBe(inputs.length)
})
