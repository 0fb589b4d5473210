import { describe, expect, test } from 'vitest'
import { backoffMs, DATABASE_BACKOFF, FAL_BACKOFF, pollDelayMs, withRetryAfter } from '../src/backoff.ts'

test.each([
  ['fal', FAL_BACKOFF, 1, 250, 500],
  ['fal', FAL_BACKOFF, 2, 500, 1000],
  ['fal', FAL_BACKOFF, 3, 1000, 2000],
  ['fal', FAL_BACKOFF, 4, 2000, 4000],
  ['fal', FAL_BACKOFF, 5, 4000, 8000],
  ['fal', FAL_BACKOFF, 6, 4000, 8000],
  ['fal', FAL_BACKOFF, 1_000_000, 4000, 8000],
  ['the database', DATABASE_BACKOFF, 1, 250, 500],
  ['the database', DATABASE_BACKOFF, 3, 1000, 2000],
  ['the database', DATABASE_BACKOFF, 4, 1000, 2000],
  ['the database', DATABASE_BACKOFF, 1_000_000, 1000, 2000],
])('the back-off of %s is %o: after %d failed attempts %d to %d ms', (_of, backoff, attempt, least, most) => {
  expect(backoffMs(attempt, backoff, 0)).toBe(least)
  expect(backoffMs(attempt, backoff, 1)).toBe(most)
  expect(backoffMs(attempt, backoff, 0.5)).toBe((least + most) / 2)
})

describe('the pause between two polls', () => {
  test.each<[string, number | null]>([
    ['the first request in the queue', 0],
    ['the tenth request in the queue', 10],
    ['a request that runs', null],
    ['a request whose position is unknown', null],
  ])('is about a second for %s', (_name, queuePosition) => {
    expect(pollDelayMs(queuePosition, 0.5)).toBe(1000)
    expect(pollDelayMs(queuePosition, 0)).toBeGreaterThanOrEqual(800)
    expect(pollDelayMs(queuePosition, 1)).toBeLessThanOrEqual(1200)
  })

  test('grows with the queue position', () => {
    const pauses = [10, 50, 100, 200, 400].map((position) => pollDelayMs(position, 0.5))
    expect(pauses).toEqual(pauses.toSorted((one, other) => one - other))
    expect(new Set(pauses).size).toBe(5)
  })

  test('is at most 10 s', () => {
    for (const random of [0, 0.5, 0.999]) expect(pollDelayMs(1_000_000, random)).toBeLessThanOrEqual(10_000)
    expect(pollDelayMs(1_000_000, 0)).toBeGreaterThan(5000)
  })

  test('has jitter: a thousand jobs do not poll at the same moment', () => {
    for (const position of [0, 1_000_000]) expect(pollDelayMs(position, 0)).toBeLessThan(pollDelayMs(position, 0.9))
  })
})

test('Retry-After counts when it is longer, up to a limit', () => {
  expect(withRetryAfter(500, { retryAfterMs: null }, 30_000)).toBe(500)
  expect(withRetryAfter(500, { retryAfterMs: 2_000 }, 30_000)).toBe(2_000)
  expect(withRetryAfter(5_000, { retryAfterMs: 2_000 }, 30_000)).toBe(5_000)
  expect(withRetryAfter(500, { retryAfterMs: 3_600_000 }, 30_000)).toBe(30_000)
})
