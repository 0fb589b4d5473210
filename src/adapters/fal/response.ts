/** Pure readers of what fal answers: text in, our own types out, or a FalError thrown. Nothing here waits or sends. */

import { FalError, isSuccess, requireSuccess, toErrorType, toSafeText, toStatusError, toUnreadable } from './errors.ts'
import type { FalHosts } from './hosts.ts'
import { MAX_JSON_LENGTH, parseJson, toRecord } from './json.ts'
import { shortenLog, toLogLines } from './log-lines.ts'
import { hideKey, mentionsKey } from './secrets.ts'
import type { FalAnswer, FalStatus, FalSubmitted, FalUploadSlot } from './types.ts'

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
export function toAnswer(text: string, key: string | null): FalAnswer {
  return { status: 200, text, complete: true, errorType: null, retryAfterMs: null, key }
}

/** @throws FalError `unreadable` when a 2xx names no valid request id: the job may exist, but cannot be asked after. */
export function readSubmitted(answer: FalAnswer): FalSubmitted {
  const body = readObject(answer)
  // Ids are shown to users: one that has the key in it is not told on.
  if (!isRequestId(body.request_id) || mentionsKey(body.request_id, answer.key))
    throw toUnreadable(answer, 'without a valid request id')
  return { requestId: body.request_id, position: toPosition(body.queue_position) }
}

/** @param logs - whether the log was asked for; what is too long without it is read as far as it goes. */
export function readStatus(answer: FalAnswer, { logs: hasLogs = true } = {}): FalStatus {
  const body = (hasLogs ? null : readBeginning(answer)) ?? readObject({ ...answer, text: shortenLog(answer.text) })
  if (typeof body.status !== 'string') throw toUnreadable(answer, 'without a status')
  const logs = toLogLines(body.logs, answer.key)
  const status = body.status.toUpperCase()
  if (status === 'IN_QUEUE') return { state: 'IN_QUEUE', position: toPosition(body.queue_position), logs }
  const isCancelled = CANCELLED.test(status)
  // A status that is not known yet is no reason to give a paid job up: it still runs.
  if (status !== 'COMPLETED' && !isCancelled) return { state: 'IN_PROGRESS', logs }
  const errorType = toErrorType(body.error_type, answer) ?? (isCancelled ? 'client_cancelled' : null)
  return { state: 'COMPLETED', error: toStatusError(body.error, answer), errorType, logs }
}

/**
 * A fal that tells its log though nobody asked may tell too much of it: the status stands before it, and how the request
 * went shows in its result.
 */
function readBeginning(answer: FalAnswer): Record<string, unknown> | null {
  if (answer.complete || !isSuccess(answer)) return null
  const [, word] = /^\s*\{[^[\]{}]*?"status"\s*:\s*"(\w+)"/.exec(answer.text.slice(0, 4096)) ?? []
  return word === undefined ? null : { status: word }
}

/**
 * The model's own JSON, whatever it is, but for the key. It is paid for: the error of one that cannot be read has as much of
 * it as could be parsed.
 */
export function readResult(answer: FalAnswer): unknown {
  const { key, text } = answer
  const mentions = text.length <= MAX_JSON_LENGTH && mentionsKey(text, key)
  const hide = (_name: string, value: unknown) => (typeof value === 'string' ? hideKey(value, key) : value)
  return readJson(answer, { ...(mentions && { revive: hide }), maxBodyLength: MAX_JSON_LENGTH })
}

/** Any 2xx is a yes: fal's pages disagree about its body. */
export function readCancel(answer: FalAnswer): 'REQUESTED' | 'ALREADY_COMPLETED' | 'NOT_FOUND' {
  if (answer.status === 404) return 'NOT_FOUND'
  const body = toRecord(parseJson(answer.text))
  if ((isSuccess(answer) || answer.status === 400) && body?.status === 'ALREADY_COMPLETED') return 'ALREADY_COMPLETED'
  requireSuccess(answer)
  return 'REQUESTED'
}

/**
 * Where the bytes go and where they will be: both are fal's, or somebody else would get the user's picture, or be shown as
 * fal's media.
 */
export function readUploadSlot(answer: FalAnswer, { isUploadUrl, isMediaUrl }: UploadRules): FalUploadSlot {
  const { upload_url, file_url } = readObject(answer)
  if (typeof upload_url !== 'string' || typeof file_url !== 'string') throw toUnreadable(answer, 'without upload URLs')
  // The host alone, and no body: the rest of an upload URL is a credential.
  const refuse = (message: string, url: string) => {
    const host = URL.canParse(url) ? new URL(url).hostname : 'no valid URL'
    return new FalError('unreadable', `${message} (${toSafeText(host, answer.key, 100)})`, { status: answer.status })
  }
  if (!isUploadUrl(upload_url)) throw refuse("fal named an upload host that is not one of fal's hosts", upload_url)
  if (!isMediaUrl(file_url) || mentionsKey(file_url, answer.key))
    throw refuse('fal named a file host that is not one of the media hosts', file_url)
  return { upload_url, file_url }
}

type UploadRules = Pick<FalHosts, 'isUploadUrl' | 'isMediaUrl'>

function readJson(
  answer: FalAnswer,
  { revive, maxBodyLength }: { revive?: Parameters<typeof parseJson>[1]; maxBodyLength?: number } = {},
): unknown {
  requireSuccess(answer)
  const refuse = (what: string) => toUnreadable(answer, what, maxBodyLength)
  if (!answer.complete || answer.text.length > MAX_JSON_LENGTH) throw refuse('that is too long')
  const body = parseJson(answer.text, revive)
  if (body === undefined) throw refuse('that is not JSON')
  return body
}

function readObject(answer: FalAnswer): Record<string, unknown> {
  const body = toRecord(readJson(answer))
  if (body === null) throw toUnreadable(answer, 'that is not a JSON object')
  return body
}

function toPosition(value: unknown): number | null {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_POSITION
    ? (value as number)
    : null
}
