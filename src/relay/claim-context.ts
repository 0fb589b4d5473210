import type { Fal } from '../adapters/fal/types.ts'
import type { Claim } from '../adapters/queue.ts'
import type { RelayJobs } from '../jobs/claimed-jobs.ts'
import type { Notifier } from '../updates/notifier.ts'
import type { UpdateLog } from '../updates/update-log.ts'
import type { Gate } from './circuit-breaker.ts'
import type { Alarm } from './wake-up.ts'

/** What the relay works with. */
export interface RelayDeps {
  jobs: RelayJobs
  log: UpdateLog
  fal: Fal
  gate: Gate
  /** Where fal says that a job's request is done; null when nobody told how this server is reached from outside. */
  webhookUrl: ((jobId: string) => string) | null
  /** How long a submit of unknown outcome is left for fal's webhook to confirm, in milliseconds. */
  adoptionMs: number
  notifier: Notifier
  /** 0 to 1, for jitter. */
  random(): number
  /** Does the error mean that the database cannot be used for now? */
  isAway(error: unknown): boolean
  onError(error: unknown, context: { stage: string; jobId?: string }): void
}

/** This process's hold on one job. */
export interface Hold {
  claim: Claim
  /** Rings when the job's row, or fal, has something to tell: a cancel, an answer, a webhook. */
  alarm: Alarm
  /** Aborts when the claim is lost or the worker stops: nothing may be written after that. */
  signal: AbortSignal
}

/** Another worker has the job, or this one stops: let go of it without a word. */
export class HoldLostError extends Error {
  constructor() {
    super('the hold on the job is lost')
  }
}
