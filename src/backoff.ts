/** Every back-off of the server, and what fal may add to one. Pure. */

/** How a back-off grows, in milliseconds: `firstMs`, twice that, four times that, up to `maxMs`. */
export interface Backoff {
  firstMs: number
  maxMs: number
}

/** Calls to fal. Short enough that jobs move again within 10 s of fal's return. */
export const FAL_BACKOFF: Backoff = { firstMs: 500, maxMs: 8_000 }
/** Submits while fal refuses the key or limits requests: asking more often ends neither. */
export const REFUSED_SUBMIT_BACKOFF: Backoff = { firstMs: 500, maxMs: 30_000 }
/** Opening fal's status stream after it broke. Meanwhile the status is polled. */
export const STATUS_STREAM_BACKOFF: Backoff = { firstMs: 10_000, maxMs: 300_000 }
/** A job's step while the database is unavailable: jobs move again about when pages load again. */
export const DATABASE_BACKOFF: Backoff = { firstMs: 500, maxMs: 2_000 }
/** Reads for a request or a subscriber while the database is unavailable. */
export const DATABASE_READ_BACKOFF: Backoff = { firstMs: 100, maxMs: 2_000 }
/** A transaction that lost a conflict with another one. */
export const CONFLICT_BACKOFF: Backoff = { firstMs: 30, maxMs: 60 }
/** Reconnecting the bus. */
export const BUS_BACKOFF: Backoff = { firstMs: 50, maxMs: 1_500 }

/**
 * Exponential back-off in milliseconds, with jitter between half the pause and the whole, so that clients that failed
 * together do not return together.
 * @param attempt - number of failed attempts, from 1
 * @param random - 0 to 1
 */
export function backoffMs(attempt: number, { firstMs, maxMs }: Backoff, random: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 10)) * (0.5 + random / 2)
}

/**
 * The pause, or fal's `Retry-After` when that is longer, up to `maxMs`: fal's estimate is a guess, and the result of a
 * request may expire before it.
 */
export function withRetryAfter(
  pauseMs: number,
  { retryAfterMs }: { retryAfterMs: number | null },
  maxMs: number,
): number {
  return Math.max(pauseMs, Math.min(retryAfterMs ?? 0, maxMs))
}

/**
 * The pause between two polls of a request's status, in milliseconds, with jitter: about 1 s near the front of the queue
 * and while the request runs, longer further back, at most 10 s.
 * @param queuePosition - null when unknown, or when the request no longer waits
 */
export function pollDelayMs(queuePosition: number | null, random: number): number {
  const usualMs = Math.min(10_000, 1000 + 20 * Math.max(0, (queuePosition ?? 0) - 10))
  return Math.min(10_000, usualMs * (0.85 + random * 0.3))
}
