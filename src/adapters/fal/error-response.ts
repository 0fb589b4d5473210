/** What an answer that is not the one we asked for means: fal's two shapes of errors, its proxies' pages, `Retry-After`. */

import { FalError, type FalErrorKind, type FalIssue, toSafeText } from './errors.ts'
import type { FalAnswer } from './types.ts'

const MAX_MESSAGE_LENGTH = 500
const MAX_CODE_LENGTH = 100
const MAX_BODY_LENGTH = 2048
const MAX_ISSUES = 50
const MAX_PATH_SEGMENTS = 20
/** Longest text that is parsed, in characters: as brackets that only open it takes 30 ms, and whoever parses is alone. */
export const MAX_JSON_LENGTH = 192 * 1024
const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1000

/** The error that a non-2xx answer stands for, in either of fal's two shapes, or neither. */
export function toFalError(answer: FalAnswer): FalError {
  const kind = toErrorKind(answer.status)
  const body = toRecord(parseJson(answer.text))
  const errorType = toErrorType(body?.error_type || answer.errorType, answer)
  const issues = toIssues(body?.detail, errorType, answer)
  const said = issues.length > 0 ? issues.map(describeIssue).join('; ') : toMessage(body)
  return new FalError(kind, toText(said, answer) || `${FALLBACK_MESSAGES[kind]} (status ${answer.status})`, {
    status: answer.status,
    errorType: Array.isArray(body?.detail) ? (issues[0]?.code ?? errorType) : errorType,
    issues,
    retryAfterMs: answer.retryAfterMs,
    body: body === null || kind === 'unreadable' ? toText(answer.text, answer, MAX_BODY_LENGTH) : null,
  })
}

/** The answer to the bytes. Its 401, 403 and 404 speak of the signed URL, neither of the key nor of a model. */
export function requireUploaded(answer: FalAnswer): void {
  if (isSuccess(answer)) return
  const error = toFalError(answer)
  if (error.kind !== 'auth' && error.kind !== 'not-found') throw error
  throw new FalError('rejected', `fal's storage refused the file (status ${answer.status})`, { status: answer.status })
}

/** `Retry-After` in either form, as milliseconds from now: never negative, at most a day (a timer's range is 24 days). */
export function toRetryAfterMs(header: string | null, nowMs: number): number | null {
  const text = header?.trim() ?? ''
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : text.endsWith('GMT') ? Date.parse(text) - nowMs : Number.NaN
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS)
}

export function isSuccess(answer: FalAnswer): boolean {
  return answer.status >= 200 && answer.status < 300
}

export function requireSuccess(answer: FalAnswer): void {
  if (!isSuccess(answer)) throw toFalError(answer)
}

const FALLBACK_MESSAGES = {
  auth: 'fal refused the key',
  'not-found': 'fal does not know this model or request',
  rejected: 'fal refused the request',
  'rate-limited': 'fal takes no more requests at the moment',
  'not-sent': 'fal could not be reached',
  unavailable: 'fal is unavailable at the moment',
  interrupted: 'The connection to fal broke',
  unreadable: 'fal answered with something else than expected',
} satisfies Record<FalErrorKind, string>

function toErrorKind(status: number): FalErrorKind {
  if (status === 401 || status === 403) return 'auth'
  if (status === 404) return 'not-found'
  if (status === 429) return 'rate-limited'
  if (status === 408 || status === 425 || status === 499 || status >= 500) return 'unavailable'
  return status >= 400 ? 'rejected' : 'unreadable'
}

export function toUnreadable(answer: FalAnswer, what: string, maxBodyLength = MAX_BODY_LENGTH): FalError {
  return new FalError('unreadable', `fal gave an answer ${what} (status ${answer.status})`, {
    status: answer.status,
    body: toText(answer.text.slice(0, maxBodyLength), answer, maxBodyLength),
  })
}

function toIssues(detail: unknown, errorType: string | null, answer: FalAnswer): FalIssue[] {
  if (answer.status === 422 && typeof detail === 'string' && detail !== '') {
    return [{ path: [], code: errorType ?? 'value_error', message: toText(detail, answer) }]
  }
  if (!Array.isArray(detail)) return []
  return detail.slice(0, MAX_ISSUES).flatMap((entry: unknown) => {
    const issue = typeof entry === 'string' ? { msg: entry } : toRecord(entry)
    if (issue === null) return []
    // Only these three of its fields: `input` and `ctx` may repeat what the user sent.
    return {
      path: toPath(issue.loc).map((segment) => toText(segment, answer, MAX_CODE_LENGTH)),
      code: typeof issue.type === 'string' ? toText(issue.type, answer, MAX_CODE_LENGTH) : (errorType ?? 'value_error'),
      message: typeof issue.msg === 'string' ? toText(issue.msg, answer) : 'not accepted',
    }
  })
}

/** fal's `loc` starts with the part of the request, which for a submit is always the body. */
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

export function toErrorType(value: unknown, answer: FalAnswer): string | null {
  return typeof value === 'string' && value !== '' ? toText(value, answer, MAX_CODE_LENGTH) : null
}

export function toStatusError(error: unknown, answer: FalAnswer): string | null {
  if (error === undefined || error === null || error === '' || error === false) return null
  const text = typeof error === 'string' ? error : toMessage(toRecord(error))
  return toText(text, answer) || 'fal reports a failure without saying which'
}

function toText(text: string, answer: FalAnswer, maxLength = MAX_MESSAGE_LENGTH): string {
  return toSafeText(text, answer.key, maxLength)
}

export function toRecord(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null
}

/**
 * Undefined, which JSON cannot say, when it is not JSON, or too long to be parsed. What Python writes for numbers that are
 * none, `NaN` and `Infinity`, is null.
 */
export function parseJson(text: string, revive?: (name: string, value: unknown) => unknown): unknown {
  if (text.length > MAX_JSON_LENGTH) return undefined
  const parse = (json: string): unknown => {
    try {
      return JSON.parse(json, revive)
    } catch {
      return undefined // The caller knows the status, and so what the lack of JSON means.
    }
  }
  return (
    parse(text) ?? parse(text.replace(/^\uFEFF/, '').replace(NO_NUMBER, (word) => (word[0] === '"' ? word : 'null')))
  )
}

/** Strings are matched whole, and to the end of the text if they have none: so nothing is looked at twice. */
const NO_NUMBER = /"[^"\\]*(?:\\[\s\S][^"\\]*)*(?:"|\\?$)|-?\b(?:NaN|Infinity)\b/g
