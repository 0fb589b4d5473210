import type { FalStatus } from '../adapters/fal/types.ts'

/**
 * Exponential back-off with jitter, in milliseconds: about 0.5 s, 1 s, 2 s … up to 8 s, so that all is well soon after
 * fal is.
 * @param attempt - how many tries have failed, from 1
 * @param random - 0 to 1
 */
export function nextDelayMs(attempt: number, random: number): number {
  return grow(attempt, random, 8_000)
}

/** The same up to 2 s, for a database that is away: whoever watches a job expects it to go on once pages load again. */
export function nextLookMs(attempt: number, random: number): number {
  return grow(attempt, random, 2_000)
}

function grow(attempt: number, random: number, mostMs: number): number {
  return Math.min(mostMs, 500 * 2 ** Math.min(attempt - 1, 10)) * (0.5 + random / 2)
}

/**
 * A pause, or as long as fal asks for when that is longer, in milliseconds. What fal asks for while it is away is a guess,
 * and what it made may not last as long: it is heeded up to `mostMs`.
 */
export function longerMs(usualMs: number, { retryAfterMs }: { retryAfterMs: number | null }, mostMs: number): number {
  return Math.max(usualMs, Math.min(retryAfterMs ?? 0, mostMs))
}

/**
 * How long until fal is asked again: about a second near the front of the line and while running, longer the further
 * back, 10 s at most.
 */
export function pollDelayMs(status: FalStatus, random: number): number {
  const position = status.state === 'IN_QUEUE' ? (status.position ?? 0) : 0
  const usual = Math.min(10_000, 1000 + 20 * Math.max(0, position - 10))
  return Math.min(10_000, usual * (0.85 + random * 0.3))
}

/** How long after a status stream broke the next one is opened: 10 s, 20 s … up to 5 min, with jitter, in milliseconds. */
export function nextStreamMs(broken: number, random: number): number {
  return Math.min(300_000, 10_000 * 2 ** Math.min(broken - 1, 10)) * (0.5 + random / 2)
}
