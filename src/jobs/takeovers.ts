import type { Claim } from '../adapters/queue.ts'
import type { Job } from '../generated/prisma/client.ts'
import { type Ending, failed } from './ending.ts'
import { createFailure } from './failure.ts'

/**
 * A job can crash its worker, and so one worker after another, each time with all the jobs that the worker had claimed. A
 * job's `takeovers` counts the workers that died in a row while the job made no progress:
 *
 *      takeover   takeover   takeover        alone 10 s      alone 60 s      takeover
 *   0 ─────────▶ 1 ───────▶ 2 ───────▶ 3 ─────────────▶ 4 ─────────────▶ 5 ─────────▶ FAILED, INTERNAL
 *   ▲            │          │          │                │                │
 *   └────────────┴──────────┴──────────┴────────────────┴────────────────┴─ an update is stored, or 60 s alone are over
 *
 * Up to 3, all jobs of a dead worker are counted. From 3 on, the job is a suspect: its next worker releases all other jobs
 * and works on it alone. The count rises when that turn begins, so a suspect that waits for its turn is not counted; a worker
 * that stops in order lowers it again. Between two turns the worker runs normally for at least as long as the turn took:
 * after three deaths every waiting job may be a suspect, and new jobs cannot wait for a thousand turns. A job that only waits
 * for the response of a lost submit cannot crash a worker, and is not counted.
 */
export const SUSPECT_TAKEOVERS = 3
export const MOST_TAKEOVERS = 5

/**
 * How long a suspect runs alone unless it makes progress earlier, in milliseconds, by its count. Most crashes come with
 * fal's first responses; a job that survives those gets a longer turn after the next death.
 */
export function aloneMs(takeovers: number): number {
  return takeovers < MOST_TAKEOVERS ? 10_000 : 60_000
}

/** Decides how to run a job that has just been claimed. */
export function judgeTakeover(
  { isTakeover }: Claim,
  { takeovers }: Pick<Job, 'takeovers'>,
): 'normal' | 'alone' | 'end' {
  if (!isTakeover || takeovers < SUSPECT_TAKEOVERS) return 'normal'
  return takeovers < MOST_TAKEOVERS ? 'alone' : 'end'
}

/** The end of a job that reached MOST_TAKEOVERS. */
export function toKillerEnding(): Ending {
  const message = `The server process that handled this job died ${MOST_TAKEOVERS} times in a row, so the job was stopped. Ask the operator for the reason before you retry it.`
  return failed(createFailure('INTERNAL', message))
}
