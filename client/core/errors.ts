/** An error of a GraphQL answer. */
export interface AnsweredError {
  readonly message: string
  readonly extensions?: Readonly<Record<string, unknown>> | undefined
}

/** A watch that cannot go on: the same would only happen again. */
export class WatchError extends Error {
  override readonly name = 'WatchError'
  /** `extensions.code` of the answer, such as JOB_NOT_FOUND; `CLOSED_4400` and the like for a close code; else `UNKNOWN`. */
  readonly code: string
  readonly errors: readonly AnsweredError[]

  constructor(code: string, message: string, errors: readonly AnsweredError[] = []) {
    super(message)
    this.code = code
    this.errors = errors
  }
}

export interface ReelayRequestErrorOptions {
  status: number
  errors?: readonly AnsweredError[]
  retryAfterSeconds?: number | null
  cause?: unknown
}

/** A query or mutation that gave no data. */
export class ReelayRequestError extends Error {
  override readonly name = 'ReelayRequestError'
  /** HTTP status; 0 when no answer came, and nobody knows whether the request arrived. */
  readonly status: number
  /** Empty when the answer was not GraphQL, as from a load balancer. */
  readonly errors: readonly AnsweredError[]
  /** When to ask again, if the answer said it. */
  readonly retryAfterSeconds: number | null

  constructor(message: string, { status, errors = [], retryAfterSeconds = null, cause }: ReelayRequestErrorOptions) {
    super(message, cause === undefined ? undefined : { cause })
    this.status = status
    this.errors = errors
    this.retryAfterSeconds = retryAfterSeconds
  }

  /** `extensions.code` of the first error. */
  get code(): string | null {
    return codeOf(this.errors)
  }
}

/** `extensions.code` of the first error that came. */
export function codeOf([first]: readonly AnsweredError[]): string | null {
  const code = first?.extensions?.code
  return typeof code === 'string' ? code : null
}

/** Several errors of one answer as one sentence. */
export function toMessage(errors: readonly AnsweredError[]): string {
  return errors.map(({ message }) => message).join('; ') || 'the server answered with an error, but did not say which'
}
