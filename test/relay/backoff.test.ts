import { describe, expect, test } from 'vitest'
import type { FalStatus } from '../../src/adapters/fal/types.ts'
import { longerMs, nextDelayMs, nextLookMs, pollDelayMs } from '../../src/relay/backoff.ts'

test.each([
  [nextDelayMs, 1, 250, 500],
  [nextDelayMs, 2, 500, 1000],
  [nextDelayMs, 3, 1000, 2000],
  [nextDelayMs, 4, 2000, 4000],
  [nextDelayMs, 5, 4000, 8000],
  [nextDelayMs, 6, 4000, 8000],
  [nextDelayMs, 1_000_000, 4000, 8000],
  [nextLookMs, 1, 250, 500],
  [nextLookMs, 3, 1000, 2000],
  [nextLookMs, 4, 1000, 2000],
  [nextLookMs, 1_000_000, 1000, 2000],
])('the back-off %o after %d failures is %d to %d ms', (backOff, attempt, least, most) => {
  expect(backOff(attempt, 0)).toBe(least)
  expect(backOff(attempt, 1)).toBe(most)
  expect(backOff(attempt, 0.5)).toBe((least + most) / 2)
})

describe('the pause between two looks', () => {
  const queued = (position: number | null): FalStatus => ({ state: 'IN_QUEUE', position, logs: [] })

  test.each<[string, FalStatus]>([
    ['a running request', { state: 'IN_PROGRESS', logs: [] }],
    ['the next in line', queued(0)],
    ['the tenth in line', queued(10)],
    ['one whose place is not known', queued(null)],
  ])('is about a second for %s', (_name, status) => {
    expect(pollDelayMs(status, 0.5)).toBe(1000)
    expect(pollDelayMs(status, 0)).toBeGreaterThanOrEqual(800)
    expect(pollDelayMs(status, 1)).toBeLessThanOrEqual(1200)
  })

  test('is longer the further back a request stands', () => {
    const pauses = [10, 50, 100, 200, 400].map((position) => pollDelayMs(queued(position), 0.5))
    expect(pauses).toEqual(pauses.toSorted((one, other) => one - other))
    expect(new Set(pauses).size).toBe(5)
  })

  test('is 10 s at most', () => {
    for (const random of [0, 0.5, 0.999]) expect(pollDelayMs(queued(1_000_000), random)).toBeLessThanOrEqual(10_000)
    expect(pollDelayMs(queued(1_000_000), 0)).toBeGreaterThan(5000)
  })

  test('is not the same for all: a thousand jobs do not ask at one moment', () => {
    for (const status of [queued(0), queued(1_000_000)])
      expect(pollDelayMs(status, 0)).toBeLessThan(pollDelayMs(status, 0.9))
  })
})

test('what fal asks for is heeded when it is longer, up to a limit', () => {
  expect(longerMs(500, { retryAfterMs: null }, 30_000)).toBe(500)
  expect(longerMs(500, { retryAfterMs: 2_000 }, 30_000)).toBe(2_000)
  expect(longerMs(5_000, { retryAfterMs: 2_000 }, 30_000)).toBe(5_000)
  expect(longerMs(500, { retryAfterMs: 3_600_000 }, 30_000)).toBe(30_000)
})
