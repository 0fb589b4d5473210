/** One entry of `errors` in a GraphQL response. */
export interface ResponseError {
  readonly message: string
  readonly extensions?: Readonly<Record<string, unknown>> | undefined
}

/** A watch failed for good: another attempt would fail the same way. */
export class WatchError extends Error {
  override readonly name = 'WatchError'
  /** The response's `extensions.code`, such as JOB_NOT_FOUND; `CLOSED_4400` and the like for a close code; else `UNKNOWN`. */
  readonly code: string
  readonly errors: readonly ResponseError[]

  constructor(code: string, message: string, errors: readonly ResponseError[] = []) {
    super(message)
    this.code = code
    this.errors = errors
  }
}

interface ReelayRequestErrorOptions {
  status: number
  errors?: readonly ResponseError[]
  retryAfterSeconds?: number | null
  cause?: unknown
}

/** A query or mutation that returned no data. */
export class ReelayRequestError extends Error {
  override readonly name = 'ReelayRequestError'
  /** HTTP status; 0 without a response, when the request may or may not have arrived. */
  readonly status: number
  /** Empty when the response was not GraphQL, for example a load balancer's. */
  readonly errors: readonly ResponseError[]
  /** From the `Retry-After` header; null without one. */
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

/** `extensions.code` of the first error. */
export function codeOf([first]: readonly ResponseError[]): string | null {
  const code = first?.extensions?.code
  return typeof code === 'string' ? code : null
}

/** The errors of one response as one sentence. */
export function toMessage(errors: readonly ResponseError[]): string {
  return errors.map(({ message }) => message).join('; ') || 'the server returned an error without a message'
}
