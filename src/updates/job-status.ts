import type { JobStatus } from '../generated/prisma/enums.ts'

/**
 * The status table: which status may follow which. Any other change is ignored, such as a status that fal repeats,
 * reorders or reverts.
 *
 * ```
 * PENDING ─submit→ QUEUED ─→ RUNNING ─→ STORING ─→ SUCCEEDED
 *    │                │          │          └────→ FAILED
 *    │                └────┬─────┴───────────────→ SUCCEEDED | FAILED
 *    └ any of the three ─cancelJob→ CANCELING ───→ CANCELED | SUCCEEDED (fal had finished) | FAILED
 * ```
 *
 * Statuses that were never observed are skipped: the first poll may find the request COMPLETED at fal. Without storage of
 * our own there is no STORING. A job that was never sent to fal is canceled at once.
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

/** True when the job has ended: its history is complete. */
export function isTerminal(status: JobStatus): boolean {
  return TRANSITIONS[status].length === 0
}

/** True while cancelJob can still ask fal to stop the request. */
export function isCancelable(status: JobStatus): boolean {
  return canMove(status, 'CANCELING')
}

/** The statuses of jobs that have not ended. */
export const OPEN_STATUSES = (Object.keys(TRANSITIONS) as JobStatus[]).filter((status) => !isTerminal(status))
