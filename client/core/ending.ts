import { type AnsweredError, codeOf, toMessage, WatchError } from './errors.ts'

/** How one subscription came to its end. */
export type Ending =
  /** The server says that there is nothing more. */
  | { kind: 'completed' }
  /** Its reader wants no more. */
  | { kind: 'aborted' }
  /** Its reader was too slow: the rest is fetched when it has caught up. */
  | { kind: 'full' }
  /** It goes on by another request, or another way, at once. */
  | { kind: 'moved' }
  | Again
  /** The same would only happen again. */
  | { kind: 'refused'; error: WatchError }

/** It may go well another time. */
export interface Again {
  kind: 'again'
  reason: string
  /** Whether the socket broke, and with it everybody's subscription, or only this one. */
  of: 'socket' | 'answer'
  /** The time over which clients are to come back, in milliseconds, if it is not for the back-off to say. */
  spreadMs?: number
}

/** Close codes after which the same would only happen again. @see docs/protocol.md */
const HOPELESS_CLOSE_CODES: ReadonlySet<number> = new Set([1009, 4400, 4401, 4403, 4406, 4409, 4429])
/** The server is being restarted: all of its clients come back at once, so each of them waits a little. */
const SERVICE_RESTART = 1012
const RESTART_SPREAD_MS = 1000
/** Errors of a server that may be well again soon. A feed that lagged begins anew. */
const PASSING_CODES: ReadonlySet<string | null> = new Set([
  'SERVICE_UNAVAILABLE',
  'INTERNAL_SERVER_ERROR',
  'FEED_LAGGED',
])

/**
 * What an error of graphql-ws means.
 * @param error - the answer's errors, a close event, or whatever else the socket threw
 */
export function toEnding(error: unknown): Ending {
  if (Array.isArray(error)) return toAnswered(error as AnsweredError[])
  const { code, reason } = (error ?? {}) as { code?: unknown; reason?: unknown }
  if (typeof code !== 'number') return { kind: 'again', of: 'socket', reason: 'no connection' }
  const said = `closed with ${code}${reason ? ` ${String(reason)}` : ''}`
  if (HOPELESS_CLOSE_CODES.has(code)) return { kind: 'refused', error: new WatchError(`CLOSED_${code}`, said) }
  return {
    kind: 'again',
    of: 'socket',
    reason: said,
    ...(code === SERVICE_RESTART && { spreadMs: RESTART_SPREAD_MS }),
  }
}

function toAnswered(errors: readonly AnsweredError[]): Ending {
  const code = codeOf(errors)
  const message = toMessage(errors)
  return PASSING_CODES.has(code)
    ? { kind: 'again', of: 'answer', reason: message }
    : { kind: 'refused', error: new WatchError(code ?? 'UNKNOWN', message, errors) }
}

/** Whether the server refused the cursor, and not the job. */
export function isCursorRefused({ code, errors }: WatchError): boolean {
  return code === 'BAD_USER_INPUT' && errors[0]?.extensions?.argument === 'after'
}
