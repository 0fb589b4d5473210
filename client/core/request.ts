import { connectionLost, type Ending, toEnding } from './ending.ts'
import { ReelayRequestError, type ResponseError, toMessage } from './errors.ts'
import type { Operation } from './transport.ts'

interface RequestOptions {
  url: string
  fetch: typeof fetch
  query: string
  variables: unknown
  signal?: AbortSignal | undefined
}

/**
 * Sends a query or a mutation and returns its data. Variables that are Blobs are uploaded as files.
 * @throws ReelayRequestError; `signal.reason` on abort
 */
export async function sendRequest<Data>({ url, fetch, query, variables, signal }: RequestOptions): Promise<Data> {
  const { response, text } = await send()
  const body = parseResponse(text)
  if (body?.data && !body.errors?.length) return body.data as Data
  const errors = body?.errors ?? []
  const { status, headers } = response
  const retryAfterSeconds = parseRetryAfter(headers.get('retry-after'), Date.now())
  const message = errors.length > 0 ? toMessage(errors) : `${url} answered ${status} and no GraphQL`
  throw new ReelayRequestError(message, { status, errors, retryAfterSeconds })

  async function send(): Promise<{ response: Response; text: string }> {
    try {
      const response = await fetch(url, { method: 'POST', ...toBody(query, variables), ...(signal && { signal }) })
      return { response, text: await response.text() }
    } catch (cause) {
      signal?.throwIfAborted()
      throw new ReelayRequestError(`${url} cannot be reached`, { status: 0, cause })
    }
  }
}

const ACCEPT = 'application/graphql-response+json, application/json;q=0.9'

/** @see https://github.com/jaydenseric/graphql-multipart-request-spec */
function toBody(query: string, variables: unknown): { body: string | FormData; headers: Record<string, string> } {
  const entries = Object.entries(variables ?? {})
  const files = entries.filter((entry): entry is [string, Blob] => entry[1] instanceof Blob)
  if (files.length === 0)
    return {
      body: JSON.stringify({ query, variables }),
      headers: { accept: ACCEPT, 'content-type': 'application/json' },
    }
  const rest = Object.fromEntries(entries.map(([name, value]) => [name, value instanceof Blob ? null : value]))
  const form = new FormData()
  form.append('operations', JSON.stringify({ query, variables: rest }))
  form.append('map', JSON.stringify(Object.fromEntries(files.map(([name], index) => [index, [`variables.${name}`]]))))
  for (const [index, [, file]] of files.entries()) form.append(String(index), file)
  // fetch sets the form's content type with its boundary. A page of another site could send a form, but not this header.
  return { body: form, headers: { accept: ACCEPT, 'graphql-require-preflight': 'true' } }
}

interface PostOptions {
  url: string
  fetch: typeof fetch
  /** Choose between an event stream and a poll. */
  headers: Record<string, string>
  signal: AbortSignal
}

/** Sends a subscription over HTTP. */
export function postOperation(operation: Operation, { url, fetch, headers, signal }: PostOptions): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(operation),
    signal,
  })
}

/** Translates a response that is not the requested one: GraphQL errors of the server, or the page of a proxy. */
export function readFailure(status: number, text: string): Ending {
  const errors = parseResponse(text)?.errors
  return errors?.length ? toEnding(errors) : connectionLost(`answered with ${status}`)
}

export function parseResponse(text: string): { data?: unknown; errors?: ResponseError[] } | null {
  try {
    const body: unknown = JSON.parse(text)
    return typeof body === 'object' && body !== null ? body : null
  } catch {
    // Not JSON: the caller reports the HTTP status.
    return null
  }
}

/** Reads a `Retry-After` header, which has seconds or a date. */
export function parseRetryAfter(retryAfter: string | null, now: number): number | null {
  if (!retryAfter) return null
  const seconds = /^\d+$/.test(retryAfter) ? Number(retryAfter) : (Date.parse(retryAfter) - now) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null
}
