import { type Document, type ReelayClient, ReelayRequestError } from '../client/core/reelay-client.ts'
import { CommandError, RetryableError } from './errors.ts'

/** The GraphQL API of one server. */
export interface Api {
  /** The server's URL, for error messages. */
  url: string
  client: ReelayClient
  /** Aborts every request. */
  signal: AbortSignal
}

const REQUEST_TIMEOUT_MS = 30_000

/**
 * Sends a query or a mutation and returns its data.
 * @throws RetryableError when another attempt may succeed, CommandError for any other failure, `signal.reason` on abort
 */
export async function callApi<Data, Variables>(
  { url, client, signal }: Api,
  document: Document<Data, Variables>,
  variables: Variables,
  { timeoutMs = REQUEST_TIMEOUT_MS } = {},
): Promise<Data> {
  const deadline = AbortSignal.timeout(timeoutMs)
  try {
    return await client.request(document, variables, { signal: AbortSignal.any([signal, deadline]) })
  } catch (error) {
    signal.throwIfAborted()
    if (deadline.aborted)
      throw new RetryableError(`${url} did not answer within ${timeoutMs / 1000} s`, { cause: error })
    throw error instanceof ReelayRequestError ? toCommandError(error, url) : error
  }
}

const RETRYABLE_CODES: ReadonlySet<string | null> = new Set(['SERVICE_UNAVAILABLE', 'RATE_LIMITED'])

export function toCommandError(error: ReelayRequestError, url: string): CommandError {
  const { status, errors, code, cause } = error
  if (status === 0) return new RetryableError(`${url} cannot be reached: ${toReason(cause)}`, { cause: error })
  if (errors.length > 0) {
    const message = errors
      .map(({ message, extensions }) =>
        extensions?.errorId ? `internal server error; see error id ${String(extensions.errorId)} in its log` : message,
      )
      .join('; ')
    return new (RETRYABLE_CODES.has(code) ? RetryableError : CommandError)(message, { cause: error })
  }
  const answer = `${url} answered ${status} and no GraphQL`
  // A load balancer answers like this while the server is unavailable.
  return status === 429 || status >= 500
    ? new RetryableError(`${answer}: it may be overloaded or restarting`, { cause: error })
    : new CommandError(`${answer}: is this the address of a Reelay server?`, { cause: error })
}

/** The cause that fetch hides behind "fetch failed". */
function toReason(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return String(cause)
  return ('code' in cause && typeof cause.code === 'string' ? cause.code : '') || cause.message || cause.name
}
