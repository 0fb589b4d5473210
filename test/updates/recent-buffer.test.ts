import { describe, expect, test } from 'vitest'
import { createRing } from '../../src/updates/recent-buffer.ts'

function fill(capacity: number, from: number, to: number) {
  const ring = createRing<number>(capacity)
  for (let index = from; index <= to; index++) ring.push(index, index)
  return ring
}

describe('a ring', () => {
  test('that knows nothing says so', () => {
    const ring = createRing<number>(4)
    expect(ring.head).toBe(0)
    expect(ring.since(0)).toBeNull()
  })

  test('gives what came after a number, in order', () => {
    const ring = fill(4, 1, 3)
    expect(ring.since(0)).toEqual([1, 2, 3])
    expect(ring.since(1)).toEqual([2, 3])
    expect(ring.since(3)).toEqual([])
    expect(ring.head).toBe(3)
  })

  test('takes what is new, and not what it has had', () => {
    const ring = createRing<string>(4)
    expect([ring.push(1, 'a'), ring.push(1, 'b'), ring.push(2, 'c'), ring.push(1, 'd')]).toEqual([
      true,
      false,
      true,
      false,
    ])
    expect(ring.since(0)).toEqual(['a', 'c'])
  })

  test('that started late does not tell what was before', () => {
    const ring = fill(4, 7, 8)
    expect(ring.since(6)).toEqual([7, 8])
    expect(ring.since(5)).toBeNull()
  })

  test('with a gap forgets what was before the gap', () => {
    const ring = fill(4, 1, 3)
    expect(ring.push(5, 5)).toBe(true)
    expect(ring.since(4)).toEqual([5])
    expect(ring.since(3)).toBeNull()
    expect(ring.since(0)).toBeNull()
  })

  test('that heard of a number without its item leaves it to the store', () => {
    const ring = fill(4, 1, 3)
    expect([ring.raise(3), ring.raise(5), ring.raise(5)]).toEqual([false, true, false])
    expect(ring.head).toBe(5)
    expect(ring.since(4)).toBeNull()
    expect(ring.since(5)).toEqual([])
    ring.push(6, 6)
    expect(ring.since(5)).toEqual([6])
  })

  test.each([1, 4, 100])('of %d keeps at least that many, and less than twice as many', (capacity) => {
    const ring = createRing<number>(capacity)
    for (let index = 1; index <= 300; index++) {
      ring.push(index, index)
      const oldest = Array.from({ length: 300 }, (_, since) => since).find((since) => ring.since(since) !== null) ?? 0
      const kept = index - oldest
      expect(kept).toBeGreaterThanOrEqual(Math.min(index, capacity))
      expect(kept).toBeLessThanOrEqual(Math.max(1, capacity * 2 - 1))
      expect(ring.since(oldest)?.at(0)).toBe(oldest + 1)
    }
  })

  test('gives a copy: what is pushed later does not grow into it', () => {
    const ring = fill(4, 1, 2)
    const before = ring.since(0)
    ring.push(3, 3)
    expect(before).toEqual([1, 2])
  })
})
