import { type AnsweredError, ReelayRequestError, toMessage } from './errors.ts'

export interface RequestOptions {
  url: string
  fetch: typeof fetch
  query: string
  variables: unknown
  signal?: AbortSignal | undefined
}

/**
 * Sends a query or a mutation, and answers its data. Variables that are files are sent as such.
 * @throws ReelayRequestError; `signal.reason` when it was aborted
 */
export async function sendRequest<Data>({ url, fetch, query, variables, signal }: RequestOptions): Promise<Data> {
  const { response, text } = await send()
  const answer = parseAnswer(text)
  if (answer?.data && !answer.errors?.length) return answer.data as Data
  const errors = answer?.errors ?? []
  throw new ReelayRequestError(
    errors.length > 0 ? toMessage(errors) : `${url} answered ${response.status} and no GraphQL`,
    { status: response.status, errors, retryAfterSeconds: toSeconds(response.headers.get('retry-after'), Date.now()) },
  )

  async function send(): Promise<{ response: Response; text: string }> {
    try {
      const response = await fetch(url, {
        method: 'POST',
        ...toBody(query, variables),
        ...(signal && { signal }),
      })
      return { response, text: await response.text() }
    } catch (cause) {
      signal?.throwIfAborted()
      throw new ReelayRequestError(`${url} cannot be reached`, { status: 0, cause })
    }
  }
}

const ACCEPT = 'application/graphql-response+json, application/json;q=0.9'

/** @see https://github.com/jaydenseric/graphql-multipart-request-spec for the body with files */
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
  // A form's own content type carries its boundary. A page of another site could send one, but not this header.
  return { body: form, headers: { accept: ACCEPT, 'graphql-require-preflight': 'true' } }
}

export function parseAnswer(text: string): { data?: unknown; errors?: AnsweredError[] } | null {
  try {
    const answer: unknown = JSON.parse(text)
    return typeof answer === 'object' && answer !== null ? answer : null
  } catch {
    // Not JSON: told with the status.
    return null
  }
}

/** `Retry-After` has seconds or a date. */
export function toSeconds(retryAfter: string | null, now: number): number | null {
  if (!retryAfter) return null
  const seconds = /^\d+$/.test(retryAfter) ? Number(retryAfter) : (Date.parse(retryAfter) - now) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null
}
