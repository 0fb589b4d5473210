import { type Ending, toEnding } from './ending.ts'
import { parseAnswer } from './request.ts'
import type { Operation } from './transport.ts'

export interface PostOptions {
  url: string
  fetch: typeof fetch
  headers: Record<string, string>
  signal: AbortSignal
}

/** Sends a subscription by HTTP. How it is answered is for the headers to say. */
export function postOperation(operation: Operation, { url, fetch, headers, signal }: PostOptions): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(operation),
    signal,
  })
}

/** What an answer means that is not the one that was asked for: the server's errors, or a word of something before it. */
export function toRefusal(status: number, text: string): Ending {
  const errors = parseAnswer(text)?.errors
  return errors?.length ? toEnding(errors) : { kind: 'again', of: 'socket', reason: `answered with ${status}` }
}

/** Whether the line, or something on it, is at fault, and not what was asked. */
export function isOfLine(ending: Ending): boolean {
  return ending.kind === 'again' && ending.of === 'socket'
}
