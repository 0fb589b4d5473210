import type { Job } from './generated/prisma/client.ts'

/** One broken rule of an input. `path` starts at the argument, such as `['input', 'motionBucketId']`. */
export interface InputIssue {
  path: string[]
  code: string
  message: string
}

/**
 * A failure that the caller can act on. The message is written for the caller; any other error is masked at the edge.
 * `code` is stable and part of the API.
 */
export abstract class DomainError extends Error {
  abstract readonly code: string
  override get name(): string {
    return this.constructor.name
  }
}

/** The input is invalid. Carries every broken rule. */
export class InvalidInputError extends DomainError {
  readonly code = 'INVALID_INPUT'
  readonly issues: InputIssue[]
  constructor(issues: InputIssue[]) {
    super(
      `The input has ${issues.length === 1 ? 'a problem' : `${issues.length} problems`}: ${issues.map((issue) => issue.message).join(' ')}`,
    )
    this.issues = issues
  }
}

/** The idempotency key was used with another input. */
export class IdempotencyConflictError extends DomainError {
  readonly code = 'IDEMPOTENCY_CONFLICT'
  readonly job: Job
  constructor(job: Job) {
    super(
      'This idempotency key was used with a different input in the last 24 hours: use a new key, or repeat the first input.',
    )
    this.job = job
  }
}

/** The job does not exist or is not the viewer's: callers cannot distinguish the two. */
export class JobNotFoundError extends DomainError {
  readonly code = 'JOB_NOT_FOUND'
  constructor() {
    super('There is no such job: expected the id of a job that generateVideo returned to you.')
  }
}

const JOB_STATE_MESSAGES = {
  cancel: ({ status }: Job) => `The job is ${status} and has ended: only a job that has not ended can be canceled.`,
  retry: ({ status }: Job) => `The job is ${status} and has not ended: only an ended job can be retried.`,
  'image is pruned': () =>
    'The image was never uploaded to fal and is no longer stored: pass it to generateVideo again.',
}

/** The job's status does not allow the operation. */
export class JobStateError extends DomainError {
  readonly code = 'JOB_STATE_CONFLICT'
  readonly job: Job
  constructor(job: Job, why: keyof typeof JOB_STATE_MESSAGES) {
    super(JOB_STATE_MESSAGES[why](job))
    this.job = job
  }
}

/** The viewer has reached a limit. `retryAt` is null when the time of the next attempt is unknown. */
export class LimitExceededError extends DomainError {
  readonly code = 'LIMIT_EXCEEDED'
  readonly retryAt: Date | null
  constructor(message: string, retryAt: Date | null) {
    super(message)
    this.retryAt = retryAt
  }
}

/** An invalid argument, such as a malformed id, a cursor of another job, or a page of 101. */
export class InvalidArgumentError extends DomainError {
  readonly code = 'BAD_USER_INPUT'
  readonly argument: string
  constructor(argument: string, message: string) {
    super(message)
    this.argument = argument
  }
}

/** The operation exceeds the cost limit of one response. */
export class QueryTooComplexError extends DomainError {
  readonly code = 'QUERY_TOO_COMPLEX'
}

/** A dependency of this server is unavailable. The caller can only retry later. */
export class ServiceUnavailableError extends DomainError {
  readonly code = 'SERVICE_UNAVAILABLE'
}

/**
 * Postgres is unavailable: unreachable, not responding, starting, stopping, or unable to write. The same operation may
 * succeed in a few seconds. Callers see SERVICE_UNAVAILABLE instead, without the reason.
 */
export class DatabaseUnavailableError extends Error {
  // Own properties: pg-boss copies some errors by their properties.
  override name = 'DatabaseUnavailableError'
  /** The SQLSTATE that the server reported; null when it did not respond. Not `code`, by which Prisma wraps errors. */
  readonly sqlState: string | null
  constructor(message: string, { sqlState = null, ...options }: ErrorOptions & { sqlState?: string | null } = {}) {
    super(message, options)
    this.sqlState = sqlState
  }
}

/** A feed's subscriber fell further behind than the hub keeps updates. */
export class FeedLaggedError extends DomainError {
  readonly code = 'FEED_LAGGED'
  constructor() {
    super('This subscriber fell too far behind the feed: read `jobs` again, then subscribe again.')
  }
}

/** The process cannot start with its settings. One line for the operator, with the remedy. */
export class StartError extends DomainError {
  readonly code = 'START_FAILED'
}

/** The text, cut with an ellipsis to `maxLength` UTF-16 units at most: no more of an input is repeated. */
export function shorten(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text
  // Half a surrogate pair at the cut would not be valid text.
  return `${text.slice(0, maxLength - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}
