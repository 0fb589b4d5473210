import type { Fal } from '../adapters/fal/types.ts'
import type { Claim } from '../adapters/queue.ts'
import type { ClaimedJobs } from '../jobs/claimed-jobs.ts'
import type { Notifier } from '../updates/notifier.ts'
import type { Appended, Change, UpdateLog } from '../updates/update-log.ts'
import type { CircuitBreaker } from './circuit-breaker.ts'
import type { WakeUp } from './wake-up.ts'

/** The relay's dependencies. */
export interface RelayDeps {
  jobs: ClaimedJobs
  log: UpdateLog
  fal: Fal
  breaker: CircuitBreaker
  /** Where fal reports that a job's request has completed; null when no public URL is set. */
  webhookUrl: ((jobId: string) => string) | null
  /** How long fal's webhook may confirm a submit of unknown outcome, in milliseconds. */
  adoptionMs: number
  notifier: Notifier
  /** 0 to 1, for jitter. */
  random(): number
  onError(error: unknown, context: { stage: string; jobId?: string }): void
}

/** One claimed job in this process. */
export interface ClaimContext {
  claim: Claim
  /** Notified when the job's row may have changed or fal has news: a cancel, a saved answer, a webhook. */
  wakeUp: WakeUp
  /** Aborts when the claim is lost or the worker stops. Nothing may be written after that. */
  signal: AbortSignal
}

/** Appends an update under the claim. @throws ClaimLostError */
export async function appendUpdate(
  { log }: Pick<RelayDeps, 'log'>,
  { claim }: ClaimContext,
  change: Omit<Change, 'jobId' | 'claim'>,
): Promise<Exclude<Appended, { outcome: 'fenced' }>> {
  const appended = await log.append({ jobId: claim.jobId, claim: claim.number, ...change })
  if (appended.outcome === 'fenced') throw new ClaimLostError()
  return appended
}

/** Thrown when another worker owns the job or this one is stopping. Abandon the work silently. */
export class ClaimLostError extends Error {
  constructor() {
    super('the claim on the job is lost')
  }
}
