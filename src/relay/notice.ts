/** Lines of this server's own in a job's update log. */

import type { LogLevel, LogLine } from '../updates/update.ts'
import { appendUpdate, type ClaimContext, type RelayDeps } from './claim-context.ts'

/** How many of a job's newest updates are searched for a notice of an earlier claim. */
const SEARCHED_UPDATES = 20

/** Appends a line for the job's subscribers. The job's status stays. @throws ClaimLostError */
export async function appendNotice(
  deps: RelayDeps,
  context: ClaimContext,
  level: LogLevel,
  message: string,
): Promise<void> {
  // No transition leads to PENDING, so the status stays as it is.
  await appendUpdate(deps, context, { status: 'PENDING', logs: [toNotice(level, message)] })
}

export function toNotice(level: LogLevel, message: string): LogLine {
  return { at: new Date().toISOString(), level, message }
}

/** Appends a warning unless it is the newest notice already, by another worker that had the job before. */
export async function warnOnce(deps: RelayDeps, context: ClaimContext, message: string): Promise<void> {
  const newest = await deps.log.read(context.claim.jobId, { limit: SEARCHED_UPDATES, fromEnd: true })
  const last = newest.flatMap(({ logs }) => logs).findLast(({ level }) => level === 'WARN' || level === 'INFO')
  if (last?.level !== 'WARN' || last.message !== message) await appendNotice(deps, context, 'WARN', message)
}
