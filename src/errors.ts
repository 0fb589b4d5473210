import type { Job } from './generated/prisma/client.ts'

/** One thing that is wrong with an input. `path` starts at the argument, e.g. `['input', 'motionBucketId']`. */
export interface InputIssue {
  path: string[]
  code: string
  message: string
}

/**
 * A failure that the caller can act on. Its message is written for the caller; everything that is not one of
 * these is masked at the edge. `code` is stable and part of the API.
 */
export abstract class DomainError extends Error {
  abstract readonly code: string
  override get name(): string {
    return this.constructor.name
  }
}

/** An input breaks its rules: every broken rule at once. */
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

/** The idempotency key stands for another input already. */
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

/** No such job, or not the viewer's: the two look the same. */
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

/** The job is in a state in which this cannot be done. */
export class JobStateError extends DomainError {
  readonly code = 'JOB_STATE_CONFLICT'
  readonly job: Job
  constructor(job: Job, why: keyof typeof JOB_STATE_MESSAGES) {
    super(JOB_STATE_MESSAGES[why](job))
    this.job = job
  }
}

/** The viewer has reached a limit; `retryAt` says when to come back, if that is known. */
export class LimitExceededError extends DomainError {
  readonly code = 'LIMIT_EXCEEDED'
  readonly retryAt: Date | null
  constructor(message: string, retryAt: Date | null) {
    super(message)
    this.retryAt = retryAt
  }
}

/** An argument that cannot mean anything: a malformed id, a foreign cursor, a page of 101. Names the argument. */
export class InvalidArgumentError extends DomainError {
  readonly code = 'BAD_USER_INPUT'
  readonly argument: string
  constructor(argument: string, message: string) {
    super(message)
    this.argument = argument
  }
}

/** An operation asks for more than one answer may cost. */
export class QueryTooComplexError extends DomainError {
  readonly code = 'QUERY_TOO_COMPLEX'
}

/** Something that this server needs, and the caller cannot mend, is away for now. */
export class ServiceUnavailableError extends DomainError {
  readonly code = 'SERVICE_UNAVAILABLE'
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
  }
}

/**
 * Postgres cannot be used for now: not reached, without an answer, starting, stopping, or unable to write. The same
 * operation may succeed in some seconds. Callers get SERVICE_UNAVAILABLE instead, without the reason.
 */
export class DatabaseUnavailableError extends Error {
  // An own property: pg-boss copies some errors by their properties.
  override name = 'DatabaseUnavailableError'
}

/** A live stream went on while its reader did not, further than is kept for it. */
export class FeedLaggedError extends DomainError {
  readonly code = 'FEED_LAGGED'
  constructor() {
    super('This reader fell too far behind the feed: read `jobs` again, then subscribe again.')
  }
}

/** The process cannot start as it was told to. One line for the operator, with the remedy. */
export class StartError extends DomainError {
  readonly code = 'START_FAILED'
}

/** The text, cut with an ellipsis to `maxLength` UTF-16 units at most: no more of an input is repeated. */
export function shorten(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text
  // Half a surrogate pair at the cut would be no text.
  return `${text.slice(0, maxLength - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}
