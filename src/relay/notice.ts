import type { FalError } from '../adapters/fal/errors.ts'
import type { LogLevel, LogLine } from '../updates/update.ts'
import { type ClaimContext, ClaimLostError, type RelayDeps } from './claim-context.ts'

/** How many of a job's newest updates are looked through for what was said before it was taken over. */
const READ_BACK = 20

/** Says something to those who watch the job; its state stays. */
export async function tell(
  { log }: RelayDeps,
  { claim }: ClaimContext,
  level: LogLevel,
  message: string,
): Promise<void> {
  const appended = await log.append({
    jobId: claim.jobId,
    claim: claim.number,
    // No job moves there: whatever its state is, it stays.
    status: 'PENDING',
    logs: [toLine(level, message)],
  })
  if (appended.outcome === 'fenced') throw new ClaimLostError()
}

export function toLine(level: LogLevel, message: string): LogLine {
  return { at: new Date().toISOString(), level, message }
}

/** Warns unless another hold on the job has done so just before: a worker that is replaced says nothing twice. */
export async function warnOnce(deps: RelayDeps, context: ClaimContext, message: string): Promise<void> {
  const newest = await deps.log.read(context.claim.jobId, { limit: READ_BACK, fromEnd: true })
  const last = newest.flatMap(({ logs }) => logs).findLast(({ level }) => level === 'WARN' || level === 'INFO')
  if (last?.level !== 'WARN' || last.message !== message) await tell(deps, context, 'WARN', message)
}

/** Tells those who watch a job at fal that fal does not answer, once it has not done so for a while, and when it does again. */
export interface Silence {
  failed(error: FalError): Promise<void>
  answered(): Promise<void>
}

/** Shorter silences are not worth a line, in milliseconds: fal is back within seconds of a deployment or a lost connection. */
const TELL_AFTER_MS = 20_000

export function createSilence(deps: RelayDeps, context: ClaimContext, afterMs = TELL_AFTER_MS): Silence {
  let since: number | null = null
  let isTold = false
  return {
    failed: async ({ message }) => {
      since ??= performance.now()
      if (isTold || performance.now() - since < afterMs) return
      // What is the matter with fal, rather than with this request, is for all to see.
      void deps.breaker.check()
      await warnOnce(
        deps,
        context,
        `fal does not answer about this job as it should: ${message}. It is asked until it does; nothing is sent twice.`,
      )
      isTold = true
    },
    answered: async () => {
      since = null
      if (!isTold) return
      await tell(deps, context, 'INFO', 'fal answers about this job again.')
      isTold = false
    },
  }
}
