import { describe, expect, test } from 'vitest'
import { createRecentBuffer } from '../../src/updates/recent-buffer.ts'

function fill(capacity: number, from: number, to: number) {
  const buffer = createRecentBuffer<number>(capacity)
  for (let index = from; index <= to; index++) buffer.push(index, index)
  return buffer
}

describe('a buffer', () => {
  test('that is empty returns null', () => {
    const buffer = createRecentBuffer<number>(4)
    expect(buffer.head).toBe(0)
    expect(buffer.since(0)).toBeNull()
  })

  test('gives what came after a number, in order', () => {
    const buffer = fill(4, 1, 3)
    expect(buffer.since(0)).toEqual([1, 2, 3])
    expect(buffer.since(1)).toEqual([2, 3])
    expect(buffer.since(3)).toEqual([])
    expect(buffer.head).toBe(3)
  })

  test('takes what is new, and not what it has had', () => {
    const buffer = createRecentBuffer<string>(4)
    expect([buffer.push(1, 'a'), buffer.push(1, 'b'), buffer.push(2, 'c'), buffer.push(1, 'd')]).toEqual([
      true,
      false,
      true,
      false,
    ])
    expect(buffer.since(0)).toEqual(['a', 'c'])
  })

  test('that started late has no earlier items', () => {
    const buffer = fill(4, 7, 8)
    expect(buffer.since(6)).toEqual([7, 8])
    expect(buffer.since(5)).toBeNull()
  })

  test('with a gap forgets what was before the gap', () => {
    const buffer = fill(4, 1, 3)
    expect(buffer.push(5, 5)).toBe(true)
    expect(buffer.since(4)).toEqual([5])
    expect(buffer.since(3)).toBeNull()
    expect(buffer.since(0)).toBeNull()
  })

  test('that misses an item leaves it to the store', () => {
    const buffer = fill(4, 1, 3)
    expect([buffer.advanceTo(3), buffer.advanceTo(5), buffer.advanceTo(5)]).toEqual([false, true, false])
    expect(buffer.head).toBe(5)
    expect(buffer.since(4)).toBeNull()
    expect(buffer.since(5)).toEqual([])
    buffer.push(6, 6)
    expect(buffer.since(5)).toEqual([6])
  })

  test.each([1, 4, 100])('of %d keeps at least that many, and less than twice as many', (capacity) => {
    const buffer = createRecentBuffer<number>(capacity)
    for (let index = 1; index <= 300; index++) {
      buffer.push(index, index)
      const oldest = Array.from({ length: 300 }, (_, since) => since).find((since) => buffer.since(since) !== null) ?? 0
      const kept = index - oldest
      expect(kept).toBeGreaterThanOrEqual(Math.min(index, capacity))
      expect(kept).toBeLessThanOrEqual(Math.max(1, capacity * 2 - 1))
      expect(buffer.since(oldest)?.at(0)).toBe(oldest + 1)
    }
  })

  test('gives a copy: what is pushed later does not grow into it', () => {
    const buffer = fill(4, 1, 2)
    const before = buffer.since(0)
    buffer.push(3, 3)
    expect(before).toEqual([1, 2])
  })
})
