import type { Claim } from '../adapters/queue.ts'
import type { Job } from '../generated/prisma/client.ts'
import type { Ending } from './ending.ts'
import { createFailure } from './failure.ts'

/**
 * A job can kill whoever works on it, and so one worker after the other, each time with all the jobs that it held. A job's
 * `takeovers` counts the holders that died one after the other while it made no progress:
 *
 *      takeover   takeover   takeover        alone 10 s      alone 60 s      takeover
 *   0 ─────────▶ 1 ───────▶ 2 ───────▶ 3 ─────────────▶ 4 ─────────────▶ 5 ─────────▶ FAILED, INTERNAL
 *   ▲            │          │          │                │                │
 *   └────────────┴──────────┴──────────┴────────────────┴────────────────┴─ an update is stored, or 60 s alone are over
 *
 * Up to 3 all jobs of a dead worker are blamed alike. From 3 on each death makes the job a suspect: its next holder lets go
 * of all else and works on it alone. The count rises when that begins, and so only for who is there when the worker dies; a
 * suspect that waits for its turn is not blamed, and a worker that stops in order takes it back. Between two turns the worker
 * goes on as usual for at least as long as the turn took: after three deaths all that merely waits may be suspect, and new
 * jobs cannot wait for a thousand turns. A job that does nothing but wait for the answer of a lost submit kills nobody, and is
 * not counted.
 */
export const SUSPECT_TAKEOVERS = 3
export const MOST_TAKEOVERS = 5

/**
 * How long a suspect is worked on alone unless it gets on before, by its count, in milliseconds. Most of what kills does so
 * with the first answers of fal; whoever outlives that has a long second turn after the next death.
 */
const ALONE_MS: Record<number, number> = { 4: 10_000, 5: 60_000 }

export function aloneMs(takeovers: number): number {
  return ALONE_MS[takeovers] ?? 0
}

/** What is to be done with a job that has just been claimed. */
export function judgeTakeover({ isTakeover }: Claim, { takeovers }: Pick<Job, 'takeovers'>): 'usual' | 'alone' | 'end' {
  if (!isTakeover || takeovers < SUSPECT_TAKEOVERS) return 'usual'
  return takeovers < MOST_TAKEOVERS ? 'alone' : 'end'
}

/** The end of a job that has killed as many holders as it may. */
export function toKillerEnding(): Ending {
  return {
    status: 'FAILED',
    failure: createFailure(
      'INTERNAL',
      `The server process that handled this job died ${MOST_TAKEOVERS} times in a row, so the job was stopped. Ask the operator for the reason before you retry it.`,
    ),
  }
}
