import type { FalError } from '../adapters/fal/errors.ts'
import type { ClaimContext, RelayDeps } from './claim-context.ts'
import { HOUR_MS, toStillFailing } from './endings.ts'
import { appendNotice, warnOnce } from './notice.ts'

/** The time in which all calls about one request fail, from the first failure to the next success. */
export interface FalOutage {
  /** Begins the outage unless it has begun. Returns how long it has lasted, in milliseconds. */
  begin(): number
  /** Reports to the operator and to the job's subscribers what is due by now. */
  report(error: FalError): Promise<void>
  end(): Promise<void>
}

export interface FalOutageOptions {
  /** Which calls fail. */
  stage: 'follow' | 'result'
  /** After how long subscribers are notified, in milliseconds. Default 20,000: a deployment of fal takes less. */
  noticeMs?: number | undefined
  /** How often the operator gets a report after the first one, in milliseconds. Default one hour. */
  reportEveryMs?: number
  /** How long the outage may last before the job ends, in milliseconds. */
  giveUpMs: number
}

export function createFalOutage(
  deps: RelayDeps,
  context: ClaimContext,
  { stage, noticeMs = 20_000, reportEveryMs = HOUR_MS, giveUpMs }: FalOutageOptions,
): FalOutage {
  let since: number | null = null
  /** When the operator got the last report, by `performance.now()`. */
  let reportedAt: number | null = null
  let isNoticed = false

  function begin(): number {
    since ??= performance.now()
    return performance.now() - since
  }

  function reportToOperator(error: FalError, lastedMs: number): void {
    const isFirst = reportedAt === null
    const now = performance.now()
    if (now - (reportedAt ?? now) >= reportEveryMs) {
      reportedAt = now
      const end = `the job is given up after ${giveUpMs / HOUR_MS} hours`
      deps.onError(toStillFailing(error, lastedMs, end), { stage, jobId: context.claim.jobId })
    }
    reportedAt ??= now
    if (isFirst) deps.onError(error, { stage, jobId: context.claim.jobId })
  }

  return {
    begin,
    report: async (error) => {
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
    end: async () => {
      since = null
      reportedAt = null
      if (!isNoticed) return
      await appendNotice(deps, context, 'INFO', 'Calls to fal about this request succeed again.')
      isNoticed = false
    },
  }
}
