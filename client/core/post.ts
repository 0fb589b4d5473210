import { connectionLost, type Ending, toEnding } from './ending.ts'
import { parseResponse } from './request.ts'
import type { Operation } from './transport.ts'

export interface PostOptions {
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
