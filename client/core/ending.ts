import { codeOf, type ResponseError, toMessage, WatchError } from './errors.ts'

/** Why one subscription ended. */
export type Ending =
  /** The server completed it. */
  | { kind: 'completed' }
  /** The subscriber unsubscribed. */
  | { kind: 'aborted' }
  /** Subscribe again at once, from the newest cursor: by another transport, for the next poll, or to drain a full queue. */
  | { kind: 'resubscribe' }
  | RetryEnding
  /** Final: another attempt would fail the same way. */
  | { kind: 'refused'; error: WatchError }

/** A failure that another attempt may not meet. */
export interface RetryEnding {
  kind: 'retry'
  reason: string
  /** Whether the connection failed, and with it every subscription, or only this one. */
  scope: 'connection' | 'subscription'
  /** The shortest back-off window, in milliseconds. */
  minWindowMs?: number
}

/** Close codes after which another attempt would fail the same way. @see docs/protocol.md */
const FINAL_CLOSE_CODES: ReadonlySet<number> = new Set([1009, 4400, 4401, 4403, 4406, 4409, 4429])
/** A restart disconnects all clients at once, so their reconnects are spread over a window. */
const SERVICE_RESTART = 1012
const RESTART_WINDOW_MS = 1000
/** Codes of temporary failures. A feed that lagged starts again. */
const RETRYABLE_CODES: ReadonlySet<string | null> = new Set([
  'SERVICE_UNAVAILABLE',
  'INTERNAL_SERVER_ERROR',
  'FEED_LAGGED',
])

/**
 * Translates an error of graphql-ws.
 * @param error - the response's errors, a close event, or anything else that the socket threw
 */
export function toEnding(error: unknown): Ending {
  if (Array.isArray(error)) return fromResponse(error as ResponseError[])
  const { code, reason } = (error ?? {}) as { code?: unknown; reason?: unknown }
  if (typeof code !== 'number') return connectionLost('no connection')
  const message = `closed with ${code}${reason ? ` ${String(reason)}` : ''}`
  if (FINAL_CLOSE_CODES.has(code)) return { kind: 'refused', error: new WatchError(`CLOSED_${code}`, message) }
  return { ...connectionLost(message), ...(code === SERVICE_RESTART && { minWindowMs: RESTART_WINDOW_MS }) }
}

function fromResponse(errors: readonly ResponseError[]): Ending {
  const code = codeOf(errors)
  const message = toMessage(errors)
  return RETRYABLE_CODES.has(code)
    ? { kind: 'retry', scope: 'subscription', reason: message }
    : { kind: 'refused', error: new WatchError(code ?? 'UNKNOWN', message, errors) }
}

/** The connection failed, or something on it such as a proxy; not this one subscription. */
export function connectionLost(reason: string): RetryEnding {
  return { kind: 'retry', scope: 'connection', reason }
}

export function isConnectionLost(ending: Ending): boolean {
  return ending.kind === 'retry' && ending.scope === 'connection'
}

/** Whether the server refused the cursor rather than the job. */
export function isCursorRefused({ code, errors }: WatchError): boolean {
  return code === 'BAD_USER_INPUT' && errors[0]?.extensions?.argument === 'after'
}
