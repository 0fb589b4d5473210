import type { JobStatus } from '../generated/prisma/enums.ts'

/**
 * Where a job may go from each state. What is not here does not happen: a state that fal repeats, reorders or takes
 * back changes nothing.
 *
 * ```
 * PENDING ─submit→ QUEUED ─→ RUNNING ─→ STORING ─→ SUCCEEDED
 *    │                │          │          └────→ FAILED
 *    │                └────┬─────┴───────────────→ SUCCEEDED | FAILED
 *    └ any of the three ─cancelJob→ CANCELING ───→ CANCELED | SUCCEEDED (fal had finished) | FAILED
 * ```
 *
 * A step that nobody saw is skipped: fal may be found at COMPLETED by the first look. Without storage of our own there
 * is no STORING. A job that fal never got is canceled at once.
 */
export const TRANSITIONS = {
  PENDING: ['QUEUED', 'RUNNING', 'STORING', 'CANCELING', 'SUCCEEDED', 'FAILED', 'CANCELED'],
  QUEUED: ['RUNNING', 'STORING', 'CANCELING', 'SUCCEEDED', 'FAILED', 'CANCELED'],
  RUNNING: ['STORING', 'CANCELING', 'SUCCEEDED', 'FAILED', 'CANCELED'],
  STORING: ['SUCCEEDED', 'FAILED'],
  CANCELING: ['SUCCEEDED', 'FAILED', 'CANCELED'],
  SUCCEEDED: [],
  FAILED: [],
  CANCELED: [],
} as const satisfies Record<JobStatus, readonly JobStatus[]>

export function canMove(from: JobStatus, to: JobStatus): boolean {
  return (TRANSITIONS[from] as readonly JobStatus[]).includes(to)
}

/** True when the job has ended and nothing about it changes any more. */
export function isTerminal(status: JobStatus): boolean {
  return TRANSITIONS[status].length === 0
}

/** True while cancelJob can still ask fal to stop. */
export function isCancelable(status: JobStatus): boolean {
  return canMove(status, 'CANCELING')
}
