/** Pure parsers of fal's responses: they return the types of the port or throw a FalError. */

import { FalError, isSuccess, requireSuccess, toErrorType, toSafeText, toStatusError, toUnreadable } from './errors.ts'
import type { FalHosts } from './hosts.ts'
import { MAX_JSON_LENGTH, parseJson, toRecord } from './json.ts'
import { mentionsKey, redactKey } from './key-redaction.ts'
import { shortenLog, toLogLines } from './log-lines.ts'
import type { FalCancelOutcome, FalResponse, FalStatus, FalSubmitted, FalUploadSlot } from './types.ts'

/**
 * fal's request IDs are UUIDs; other implementations of its protocol may use others. An ID outside this pattern never
 * enters a URL: `../../x` would be another path.
 */
const REQUEST_ID = /^[A-Za-z0-9_-]{1,128}$/
/** Both spellings: fal's documentation does not name the status after a cancel. */
const CANCELLED = /^CANCELL?ED$/
/** The largest GraphQL Int and Postgres integer. */
const MAX_POSITION = 2_147_483_647

export function isRequestId(value: unknown): value is string {
  return typeof value === 'string' && REQUEST_ID.test(value)
}

/** Wraps text that did not arrive as a response of its own: an event of a stream, or a stored result. */
export function toResponse(text: string, key: string | null): FalResponse {
  return { status: 200, text, complete: true, errorType: null, retryAfterMs: null, key }
}

/** @throws FalError `unreadable` when a 2xx has no valid request ID: the request may exist, but cannot be polled. */
export function readSubmitted(response: FalResponse): FalSubmitted {
  const body = readObject(response)
  // IDs are shown to users, so an ID that contains the key is refused.
  if (!isRequestId(body.request_id) || mentionsKey(body.request_id, response.key))
    throw toUnreadable(response, 'has no valid request ID')
  return { requestId: body.request_id, position: toPosition(body.queue_position) }
}

/** @param logs - whether the log was requested. Without it, the status is read even from a truncated body. */
export function readStatus(response: FalResponse, { logs: hasLogs = true } = {}): FalStatus {
  const body =
    (hasLogs ? null : readBeginning(response)) ?? readObject({ ...response, text: shortenLog(response.text) })
  if (typeof body.status !== 'string') throw toUnreadable(response, 'has no status')
  const logs = toLogLines(body.logs, response.key)
  const status = body.status.toUpperCase()
  if (status === 'IN_QUEUE') return { state: 'IN_QUEUE', position: toPosition(body.queue_position), logs }
  const isCancelled = CANCELLED.test(status)
  // An unknown status must not end a paid request: it counts as running.
  if (status !== 'COMPLETED' && !isCancelled) return { state: 'IN_PROGRESS', logs }
  const errorType = toErrorType(body.error_type, response) ?? (isCancelled ? 'client_cancelled' : null)
  return { state: 'COMPLETED', error: toStatusError(body.error, response), errorType, logs }
}

/** The status alone: fal may send a log that was not requested, too long to read, after it. */
function readBeginning(response: FalResponse): Record<string, unknown> | null {
  if (response.complete || !isSuccess(response)) return null
  const [, word] = /^\s*\{[^[\]{}]*?"status"\s*:\s*"(\w+)"/.exec(response.text.slice(0, 4096)) ?? []
  return word === undefined ? null : { status: word }
}

/**
 * The model's JSON with the key redacted. The result is paid for: when it cannot be parsed, the error's `body` holds as
 * much of it as a parser would accept.
 */
export function readResult(response: FalResponse): unknown {
  const { key, text } = response
  const mentions = text.length <= MAX_JSON_LENGTH && mentionsKey(text, key)
  const redact = (_name: string, value: unknown) => (typeof value === 'string' ? redactKey(value, key) : value)
  return readJson(response, { ...(mentions && { revive: redact }), maxBodyLength: MAX_JSON_LENGTH })
}

/** Any 2xx means accepted: fal's documentation is inconsistent about the body. */
export function readCancel(response: FalResponse): FalCancelOutcome {
  if (response.status === 404) return 'NOT_FOUND'
  const body = toRecord(parseJson(response.text))
  if ((isSuccess(response) || response.status === 400) && body?.status === 'ALREADY_COMPLETED')
    return 'ALREADY_COMPLETED'
  requireSuccess(response)
  return 'REQUESTED'
}

/**
 * The URL to upload to and the file's public URL. Both must be on fal's hosts: otherwise a stranger would receive the
 * user's image, or be shown as fal's media.
 */
export function readUploadSlot(response: FalResponse, { isUploadUrl, isMediaUrl }: UploadRules): FalUploadSlot {
  const { upload_url, file_url } = readObject(response)
  if (typeof upload_url !== 'string' || typeof file_url !== 'string') throw toUnreadable(response, 'has no upload URLs')
  // Only the host, and no body: the rest of an upload URL is a credential.
  const refuse = (message: string, url: string) => {
    const host = URL.canParse(url) ? new URL(url).hostname : 'no valid URL'
    return new FalError('unreadable', `${message} (${toSafeText(host, response.key, 100)})`, {
      status: response.status,
    })
  }
  if (!isUploadUrl(upload_url)) throw refuse("fal named an upload host that is not one of fal's hosts", upload_url)
  if (!isMediaUrl(file_url) || mentionsKey(file_url, response.key))
    throw refuse('fal named a file host that is not one of the media hosts', file_url)
  return { upload_url, file_url }
}

type UploadRules = Pick<FalHosts, 'isUploadUrl' | 'isMediaUrl'>

function readJson(
  response: FalResponse,
  { revive, maxBodyLength }: { revive?: Parameters<typeof parseJson>[1]; maxBodyLength?: number } = {},
): unknown {
  requireSuccess(response)
  const refuse = (what: string) => toUnreadable(response, what, maxBodyLength)
  if (!response.complete || response.text.length > MAX_JSON_LENGTH) throw refuse('is too long')
  const body = parseJson(response.text, revive)
  if (body === undefined) throw refuse('is not valid JSON')
  return body
}

function readObject(response: FalResponse): Record<string, unknown> {
  const body = toRecord(readJson(response))
  if (body === null) throw toUnreadable(response, 'is not a JSON object')
  return body
}

function toPosition(value: unknown): number | null {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_POSITION
    ? (value as number)
    : null
}
