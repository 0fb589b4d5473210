import type { FalError } from '../adapters/fal/errors.ts'
import type { ClaimContext, RelayDeps } from './claim-context.ts'
import { HOUR_MS, toStillFailing } from './endings.ts'
import { appendNotice, warnOnce } from './notice.ts'

export interface FalOutageOptions {
  /** Which calls fail. */
  stage: 'follow' | 'result'
  /** After how long subscribers are notified, in milliseconds. Default 20,000: a deployment of fal takes less. */
  noticeMs?: number
  /** How often the operator gets a report after the first one, in milliseconds. Default one hour. */
  reportEveryMs?: number
  /** How long the outage may last before the job ends, in milliseconds. */
  giveUpMs: number
}

/** The time in which all calls about one request fail, from the first failure to the next success. */
export function createFalOutage(
  deps: RelayDeps,
  context: ClaimContext,
  { stage, noticeMs = 20_000, reportEveryMs = HOUR_MS, giveUpMs }: FalOutageOptions,
) {
  const facts = { stage, jobId: context.claim.jobId }
  let since: number | null = null
  /** When the operator got the last report, by `performance.now()`. */
  let reportedAt: number | null = null
  let isNoticed = false

  /** Begins the outage unless it has begun. Returns how long it has lasted, in milliseconds. */
  function begin(): number {
    since ??= performance.now()
    return performance.now() - since
  }

  function reportToOperator(error: FalError, lastedMs: number): void {
    const now = performance.now()
    if (reportedAt !== null && now - reportedAt < reportEveryMs) return
    const end = `the job is given up after ${giveUpMs / HOUR_MS} hours`
    deps.onError(reportedAt === null ? error : toStillFailing(error, lastedMs, end), facts)
    reportedAt = now
  }

  return {
    begin,
    /** Reports to the operator and to the job's subscribers what is due by now. */
    report: async (error: FalError): Promise<void> => {
      const lastedMs = begin()
      reportToOperator(error, lastedMs)
      if (isNoticed || lastedMs < noticeMs) return
      // A failure of fal itself, rather than of this request, pauses submits for all jobs.
      void deps.breaker.check()
      await warnOnce(
        deps,
        context,
        `Calls to fal about this request fail: ${error.message}. They are retried; nothing is submitted twice.`,
      )
      isNoticed = true
    },
    end: async (): Promise<void> => {
      since = null
      reportedAt = null
      if (!isNoticed) return
      await appendNotice(deps, context, 'INFO', 'Calls to fal about this request succeed again.')
      isNoticed = false
    },
  }
}
