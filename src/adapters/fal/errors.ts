/** What went wrong between us and fal: one class, its kinds, and the cleaning of the texts that end in it. */

import { shorten } from '../../errors.ts'
import { toStorableText } from '../../text.ts'
import { hideKey } from './secrets.ts'

/**
 * Why a call to fal failed, by what the caller may do next.
 *
 * - `auth`: 401 or 403. The key is missing, wrong, locked or lacks the permission; other calls with it will fail too.
 * - `not-found`: 404. fal knows no such model or request (any more).
 * - `rejected`: a definite no (any other 4xx), or refused here before anything was sent (`status` is null then).
 *   Asking again the same way gets the same answer.
 * - `rate-limited`: 429. Nothing was started; ask again after `retryAfterMs`, or later.
 * - `not-sent`: no connection came about, so not a byte of the request left. Safe to ask again.
 * - `unavailable`: 5xx, 408, 425 or 499. fal or its ingress failed. A read may be repeated; a submit may have been taken.
 * - `interrupted`: the connection broke or our time ran out after something may have been sent. As `unavailable`.
 * - `unreadable`: an answer that is not what the protocol says (HTML, cut JSON, a redirect, no valid request id).
 *   As `unavailable`; `body` has its beginning.
 */
export type FalErrorKind =
  | 'auth'
  | 'not-found'
  | 'rejected'
  | 'rate-limited'
  | 'not-sent'
  | 'unavailable'
  | 'interrupted'
  | 'unreadable'

/** One thing that fal, or its model, found wrong with the input. */
export interface FalIssue {
  /** Where in the input, from the outside in, such as `['motion_bucket_id']`; empty when it is about the whole. */
  path: string[]
  /** fal's `type`, such as `image_load_error`. Decide by this, never by the message. */
  code: string
  message: string
}

export interface FalErrorDetails {
  status?: number | null
  errorType?: string | null
  issues?: FalIssue[]
  retryAfterMs?: number | null
  body?: string | null
  cause?: unknown
}

/**
 * A call to fal that failed. Neither the message, nor the fields, nor the chain of causes hold the key or the echoed
 * input; the message is short and fit to be shown to users.
 */
export class FalError extends Error {
  override readonly name = 'FalError'
  readonly kind: FalErrorKind
  /** The HTTP status; null when there was no answer. */
  readonly status: number | null
  /** fal's own word for the error: the first issue's `type`, else `error_type` of the body or the header. */
  readonly errorType: string | null
  /** Empty unless the model, or the check of its input, complained. */
  readonly issues: FalIssue[]
  /** What `Retry-After` asked for, in milliseconds, at most a day; null when it was absent or unreadable. */
  readonly retryAfterMs: number | null
  readonly #body: string | null

  constructor(kind: FalErrorKind, message: string, details: FalErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.kind = kind
    this.status = details.status ?? null
    this.errorType = details.errorType ?? null
    this.issues = details.issues ?? []
    this.retryAfterMs = details.retryAfterMs ?? null
    this.#body = details.body ?? null
  }

  /**
   * The first 2 kB of an answer that could not be read, without the key; of a result, all that would have been parsed. For
   * operators only: it may echo the input.
   */
  get body(): string | null {
    return this.#body
  }
}

/** The text cleaned, without the key or the secret half of it, and at most `maxLength` UTF-16 units long. */
export function toSafeText(text: string, key: string | null, maxLength: number): string {
  // Cut before as well: fal's texts may be of any length, and what is hidden makes them shorter.
  return shorten(hideKey(toStorableText(text.slice(0, maxLength * READ_PER_SHOWN)), key), maxLength)
}

/** How much of a text is read for each character that may be shown of it. */
const READ_PER_SHOWN = 8
