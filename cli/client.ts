import { setTimeout as pause } from 'node:timers/promises'
import type { TypedDocumentString } from '../operations/generated/graphql.ts'
import { ConnectionError, RequestError } from './errors.ts'

/** GraphQL over HTTP, with one server. */
export interface Client {
  /** @throws RequestError for what the server said, ConnectionError for what it did not */
  request<TResult, TVariables extends object>(
    document: TypedDocumentString<TResult, TVariables>,
    variables: TVariables,
  ): Promise<TResult>
  /**
   * The same, with the variable of the name `name` sent as a file.
   * @see https://github.com/jaydenseric/graphql-multipart-request-spec
   */
  upload<TResult, TVariables extends object>(
    document: TypedDocumentString<TResult, TVariables>,
    file: { name: keyof TVariables & string; blob: Blob; fileName: string },
  ): Promise<TResult>
}

const REQUEST_TIMEOUT_MS = 30_000
const UPLOAD_TIMEOUT_MS = 120_000

export function createClient({ url, signal }: { url: string; signal: AbortSignal }): Client {
  async function post<TResult>(body: string | FormData, timeoutMs: number): Promise<TResult> {
    const deadline = AbortSignal.timeout(timeoutMs)
    try {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        body,
        headers: {
          accept: 'application/graphql-response+json, application/json;q=0.9',
          // A form's own content type carries its boundary; the server takes no form without the other header.
          ...(typeof body === 'string'
            ? { 'content-type': 'application/json' }
            : { 'graphql-require-preflight': 'true' }),
        },
        signal: AbortSignal.any([signal, deadline]),
      })
      return readAnswer<TResult>(response.status, await response.text(), url)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof RequestError || error instanceof ConnectionError) throw error
      if (deadline.aborted)
        throw new ConnectionError(`${url} did not answer within ${timeoutMs / 1000} s`, { cause: error })
      throw new ConnectionError(`${url} cannot be reached: ${toReason(error)}`, { cause: error })
    }
  }

  return {
    request: (document, variables) => post(JSON.stringify({ query: String(document), variables }), REQUEST_TIMEOUT_MS),
    upload: (document, { name, blob, fileName }) => {
      const form = new FormData()
      form.append('operations', JSON.stringify({ query: String(document), variables: { [name]: null } }))
      form.append('map', JSON.stringify({ 0: [`variables.${name}`] }))
      form.append('0', blob, fileName)
      return post(form, UPLOAD_TIMEOUT_MS)
    },
  }
}

/** Codes of answers that may be another one a moment later. */
const PASSING_CODES: ReadonlySet<string | null> = new Set(['SERVICE_UNAVAILABLE', 'RATE_LIMITED'])

/** Whether the same call may succeed if it is made again. */
export function isPassing(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof RequestError && PASSING_CODES.has(error.code))
}

/**
 * Makes a call again, with growing pauses, while its failure may pass. For calls that are safe to repeat.
 * @param onRetry - told before each pause
 */
export async function withRetries<T>(
  call: () => Promise<T>,
  {
    signal,
    onRetry,
    pausesMs = [500, 1000, 2000, 4000, 8000],
  }: { signal: AbortSignal; onRetry(error: Error): void; pausesMs?: readonly number[] },
): Promise<T> {
  for (const pauseMs of pausesMs) {
    try {
      return await call()
    } catch (error) {
      if (!isPassing(error) || !(error instanceof Error)) throw error
      onRetry(error)
      await pause(pauseMs, undefined, { signal })
    }
  }
  return await call()
}

/** An error of a GraphQL answer, as far as it is needed here. */
export interface AnsweredError {
  message: string
  extensions?: Record<string, unknown> | undefined
}

/** Several errors of one answer as one, in words. */
export function toRequestError(errors: readonly AnsweredError[]): RequestError {
  const [first] = errors
  const code = typeof first?.extensions?.code === 'string' ? first.extensions.code : null
  const words = errors.map(({ message, extensions }) =>
    extensions?.errorId
      ? `the server failed; the reason stands in its log under ${String(extensions.errorId)}`
      : message,
  )
  return new RequestError(words.join('; ') || 'the server answered with an error, but did not say which', code)
}

function readAnswer<TResult>(status: number, text: string, url: string): TResult {
  const answer = parseAnswer(text)
  if (answer?.errors?.length) throw toRequestError(answer.errors)
  if (answer?.data) return answer.data as TResult
  const said = `${url} answered ${status} and no GraphQL`
  // Something in front of the server speaks for it while it is away.
  if (status === 429 || status >= 500) throw new ConnectionError(`${said}: it may be overloaded or restarting`)
  throw new RequestError(`${said}: is this the address of a Reelay server?`, null)
}

function parseAnswer(text: string): { data?: unknown; errors?: AnsweredError[] } | null {
  try {
    const answer: unknown = JSON.parse(text)
    return typeof answer === 'object' && answer !== null ? answer : null
  } catch {
    // Not JSON: told with the status.
    return null
  }
}

/** What fetch hides below "fetch failed". */
function toReason(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return String(cause)
  return ('code' in cause && typeof cause.code === 'string' ? cause.code : '') || cause.message || cause.name
}
