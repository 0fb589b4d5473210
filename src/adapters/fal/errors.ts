/** FalError, its kinds, and how fal's error responses and its proxies' pages are translated into it. */

import { shorten } from '../../errors.ts'
import { toStorableText } from '../../text.ts'
import { parseJson, toRecord } from './json.ts'
import { redactKey } from './key-redaction.ts'
import type { FalResponse } from './types.ts'

/**
 * Why a call to fal failed, classified by what the caller may do next.
 *
 * - `auth`: 401 or 403. The key is missing, wrong, locked or lacks a permission; other calls with it will fail too.
 * - `not-found`: 404. fal has no such model or request, or has it no longer.
 * - `rejected`: any other 4xx, or refused here before sending (then `status` is null). A retry fails the same way.
 * - `rate-limited`: 429. Nothing was started; retry after `retryAfterMs` or later.
 * - `not-sent`: no connection was opened, so no byte of the request was sent. Safe to retry.
 * - `unavailable`: 5xx, 408, 425 or 499. fal or its ingress failed. Reads may be retried; a submit may have been
 *   accepted.
 * - `interrupted`: the connection broke or the deadline passed after something may have been sent. As `unavailable`.
 * - `unreadable`: a response that violates the protocol (HTML, truncated JSON, a redirect, no valid request ID).
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

/** One problem that fal or its model found in the input. */
export interface FalIssue {
  /** Path into the input, such as `['motion_bucket_id']`; empty for the whole input. */
  path: string[]
  /** fal's `type`, such as `image_load_error`. Decide by this and never by the message. */
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
 * A failed call to fal. The message, the fields and the causes contain neither the key nor the echoed input. The
 * message is short and may be shown to users.
 */
export class FalError extends Error {
  override readonly name = 'FalError'
  readonly kind: FalErrorKind
  /** The HTTP status; null when there was no response. */
  readonly status: number | null
  /** fal's error code: the first issue's `type`, else `error_type` of the body or the header. */
  readonly errorType: string | null
  /** Empty unless the model or the validation of its input failed. */
  readonly issues: FalIssue[]
  /** `Retry-After` in milliseconds, at most a day; null when absent or unreadable. */
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
   * The first 2 kB of an unreadable response, or the first 192 KiB of an unreadable result, without the key. For
   * operators only: it may echo the input.
   */
  get body(): string | null {
    return this.#body
  }
}

const MAX_MESSAGE_LENGTH = 500
const MAX_CODE_LENGTH = 100
const MAX_BODY_LENGTH = 2048
const MAX_ISSUES = 50
const MAX_PATH_SEGMENTS = 20
const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1000

/** Translates a non-2xx response, in either of fal's two error formats or in another one. */
export function toFalError(response: FalResponse): FalError {
  const kind = toErrorKind(response.status)
  const body = toRecord(parseJson(response.text))
  const errorType = toErrorType(body?.error_type || response.errorType, response)
  const issues = toIssues(body?.detail, errorType, response)
  const text = issues.length > 0 ? issues.map(describeIssue).join('; ') : toMessage(body)
  return new FalError(kind, toText(text, response) || `${FALLBACK_MESSAGES[kind]} (status ${response.status})`, {
    status: response.status,
    errorType: Array.isArray(body?.detail) ? (issues[0]?.code ?? errorType) : errorType,
    issues,
    retryAfterMs: response.retryAfterMs,
    body: body === null || kind === 'unreadable' ? toText(response.text, response, MAX_BODY_LENGTH) : null,
  })
}

/** Checks the response to an upload's bytes. Its 401, 403 and 404 concern the signed URL, not the key or a model. */
export function requireUploaded(response: FalResponse): void {
  if (isSuccess(response)) return
  const error = toFalError(response)
  if (error.kind !== 'auth' && error.kind !== 'not-found') throw error
  throw new FalError('rejected', `fal's storage refused the file (status ${response.status})`, {
    status: response.status,
  })
}

/** Either form of `Retry-After`, as milliseconds from now: from 0 to a day (a timer's range is 24 days). */
export function toRetryAfterMs(header: string | null, nowMs: number): number | null {
  const text = header?.trim() ?? ''
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : text.endsWith('GMT') ? Date.parse(text) - nowMs : Number.NaN
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS)
}

export function isSuccess(response: FalResponse): boolean {
  return response.status >= 200 && response.status < 300
}

export function requireSuccess(response: FalResponse): void {
  if (!isSuccess(response)) throw toFalError(response)
}

const FALLBACK_MESSAGES = {
  auth: 'fal refused the key',
  'not-found': 'fal does not know this model or request',
  rejected: 'fal refused the request',
  'rate-limited': 'fal is rate-limiting requests',
  'not-sent': 'fal could not be reached',
  unavailable: 'fal is unavailable',
  interrupted: 'The connection to fal broke',
  unreadable: 'fal sent an unexpected response',
} satisfies Record<FalErrorKind, string>

function toErrorKind(status: number): FalErrorKind {
  if (status === 401 || status === 403) return 'auth'
  if (status === 404) return 'not-found'
  if (status === 429) return 'rate-limited'
  if (status === 408 || status === 425 || status === 499 || status >= 500) return 'unavailable'
  return status >= 400 ? 'rejected' : 'unreadable'
}

export function toUnreadable(response: FalResponse, what: string, maxBodyLength = MAX_BODY_LENGTH): FalError {
  return new FalError('unreadable', `fal's response ${what} (status ${response.status})`, {
    status: response.status,
    body: toText(response.text.slice(0, maxBodyLength), response, maxBodyLength),
  })
}

function toIssues(detail: unknown, errorType: string | null, response: FalResponse): FalIssue[] {
  if (response.status === 422 && typeof detail === 'string' && detail !== '') {
    return [{ path: [], code: errorType ?? 'value_error', message: toText(detail, response) }]
  }
  if (!Array.isArray(detail)) return []
  return detail.slice(0, MAX_ISSUES).flatMap((entry: unknown) => {
    const issue = typeof entry === 'string' ? { msg: entry } : toRecord(entry)
    if (issue === null) return []
    // Only these three fields: `input` and `ctx` may repeat the user's input.
    return {
      path: toPath(issue.loc).map((segment) => toText(segment, response, MAX_CODE_LENGTH)),
      code:
        typeof issue.type === 'string' ? toText(issue.type, response, MAX_CODE_LENGTH) : (errorType ?? 'value_error'),
      message: typeof issue.msg === 'string' ? toText(issue.msg, response) : 'not accepted',
    }
  })
}

/** fal's `loc` starts with the part of the request, which is always `body` for a submit. */
function toPath(loc: unknown): string[] {
  if (!Array.isArray(loc)) return []
  const segments = loc
    .slice(0, MAX_PATH_SEGMENTS)
    .filter((segment) => typeof segment === 'string' || typeof segment === 'number')
    .map(String)
  return segments.slice(segments[0] === 'body' ? 1 : 0)
}

function describeIssue({ path, message }: FalIssue): string {
  return path.length > 0 ? `${path.join('.')}: ${message}` : message
}

function toMessage(body: Record<string, unknown> | null): string {
  const texts = [body?.detail, body?.message, body?.msg, body?.error]
  return texts.find((text): text is string => typeof text === 'string' && text !== '') ?? ''
}

export function toErrorType(value: unknown, response: FalResponse): string | null {
  return typeof value === 'string' && value !== '' ? toText(value, response, MAX_CODE_LENGTH) : null
}

export function toStatusError(error: unknown, response: FalResponse): string | null {
  if (error === undefined || error === null || error === '' || error === false) return null
  const text = typeof error === 'string' ? error : toMessage(toRecord(error))
  return toText(text, response) || 'fal reported a failure without a reason'
}

function toText(text: string, response: FalResponse, maxLength = MAX_MESSAGE_LENGTH): string {
  return toSafeText(text, response.key, maxLength)
}

/** The text in storable form, with the key and its secret half redacted, at most `maxLength` UTF-16 units long. */
export function toSafeText(text: string, key: string | null, maxLength: number): string {
  // Truncated before as well, because fal's text may be of any length; redaction then shortens it.
  return shorten(redactKey(toStorableText(text.slice(0, maxLength * READ_PER_SHOWN)), key), maxLength)
}

/** Characters read for each character that may be shown. */
const READ_PER_SHOWN = 8
