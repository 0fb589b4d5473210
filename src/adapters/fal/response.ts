/** Pure readers of what fal answers: text in, our own types out, or a FalError thrown. Nothing here waits or sends. */

import { FalError, isSuccess, requireSuccess, toErrorType, toSafeText, toStatusError, toUnreadable } from './errors.ts'
import type { FalHosts } from './hosts.ts'
import { MAX_JSON_LENGTH, parseJson, toRecord } from './json.ts'
import { mentionsKey, redactKey } from './key-redaction.ts'
import { shortenLog, toLogLines } from './log-lines.ts'
import type { FalResponse, FalStatus, FalSubmitted, FalUploadSlot } from './types.ts'

/**
 * fal's are UUIDs; whatever else speaks its protocol may use others. Ids outside of this never enter a URL: `../../x`
 * would be another path.
 */
const REQUEST_ID = /^[A-Za-z0-9_-]{1,128}$/
/** In either spelling; fal's pages know of no such status, and say nothing of the one after a cancel. */
const CANCELLED = /^CANCELL?ED$/
/** What is told on as GraphQL's Int and stored as Postgres' integer holds no more. */
const MAX_POSITION = 2_147_483_647

export function isRequestId(value: unknown): value is string {
  return typeof value === 'string' && REQUEST_ID.test(value)
}

/** Text of fal's that came in no answer of its own, as if it were the whole of one. */
export function toResponse(text: string, key: string | null): FalResponse {
  return { status: 200, text, complete: true, errorType: null, retryAfterMs: null, key }
}

/** @throws FalError `unreadable` when a 2xx names no valid request id: the job may exist, but cannot be asked after. */
export function readSubmitted(response: FalResponse): FalSubmitted {
  const body = readObject(response)
  // Ids are shown to users: one that has the key in it is not told on.
  if (!isRequestId(body.request_id) || mentionsKey(body.request_id, response.key))
    throw toUnreadable(response, 'without a valid request id')
  return { requestId: body.request_id, position: toPosition(body.queue_position) }
}

/** @param logs - whether the log was asked for; what is too long without it is read as far as it goes. */
export function readStatus(response: FalResponse, { logs: hasLogs = true } = {}): FalStatus {
  const body =
    (hasLogs ? null : readBeginning(response)) ?? readObject({ ...response, text: shortenLog(response.text) })
  if (typeof body.status !== 'string') throw toUnreadable(response, 'without a status')
  const logs = toLogLines(body.logs, response.key)
  const status = body.status.toUpperCase()
  if (status === 'IN_QUEUE') return { state: 'IN_QUEUE', position: toPosition(body.queue_position), logs }
  const isCancelled = CANCELLED.test(status)
  // A status that is not known yet is no reason to give a paid job up: it still runs.
  if (status !== 'COMPLETED' && !isCancelled) return { state: 'IN_PROGRESS', logs }
  const errorType = toErrorType(body.error_type, response) ?? (isCancelled ? 'client_cancelled' : null)
  return { state: 'COMPLETED', error: toStatusError(body.error, response), errorType, logs }
}

/**
 * A fal that tells its log though nobody asked may tell too much of it: the status stands before it, and how the request
 * went shows in its result.
 */
function readBeginning(response: FalResponse): Record<string, unknown> | null {
  if (response.complete || !isSuccess(response)) return null
  const [, word] = /^\s*\{[^[\]{}]*?"status"\s*:\s*"(\w+)"/.exec(response.text.slice(0, 4096)) ?? []
  return word === undefined ? null : { status: word }
}

/**
 * The model's own JSON, whatever it is, but for the key. It is paid for: the error of one that cannot be read has as much of
 * it as could be parsed.
 */
export function readResult(response: FalResponse): unknown {
  const { key, text } = response
  const mentions = text.length <= MAX_JSON_LENGTH && mentionsKey(text, key)
  const hide = (_name: string, value: unknown) => (typeof value === 'string' ? redactKey(value, key) : value)
  return readJson(response, { ...(mentions && { revive: hide }), maxBodyLength: MAX_JSON_LENGTH })
}

/** Any 2xx is a yes: fal's pages disagree about its body. */
export function readCancel(response: FalResponse): 'REQUESTED' | 'ALREADY_COMPLETED' | 'NOT_FOUND' {
  if (response.status === 404) return 'NOT_FOUND'
  const body = toRecord(parseJson(response.text))
  if ((isSuccess(response) || response.status === 400) && body?.status === 'ALREADY_COMPLETED')
    return 'ALREADY_COMPLETED'
  requireSuccess(response)
  return 'REQUESTED'
}

/**
 * Where the bytes go and where they will be: both are fal's, or somebody else would get the user's picture, or be shown as
 * fal's media.
 */
export function readUploadSlot(response: FalResponse, { isUploadUrl, isMediaUrl }: UploadRules): FalUploadSlot {
  const { upload_url, file_url } = readObject(response)
  if (typeof upload_url !== 'string' || typeof file_url !== 'string')
    throw toUnreadable(response, 'without upload URLs')
  // The host alone, and no body: the rest of an upload URL is a credential.
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
  if (!response.complete || response.text.length > MAX_JSON_LENGTH) throw refuse('that is too long')
  const body = parseJson(response.text, revive)
  if (body === undefined) throw refuse('that is not JSON')
  return body
}

function readObject(response: FalResponse): Record<string, unknown> {
  const body = toRecord(readJson(response))
  if (body === null) throw toUnreadable(response, 'that is not a JSON object')
  return body
}

function toPosition(value: unknown): number | null {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_POSITION
    ? (value as number)
    : null
}
