/** The endings of jobs whose request fal or this server does not complete. Pure. */

import { FalError } from '../adapters/fal/errors.ts'
import { shorten } from '../errors.ts'
import { type Ending, failed } from '../jobs/ending.ts'
import { createFailure, type FailureCode, toFailure } from '../jobs/failure.ts'
import type { Model } from '../jobs/models.ts'

const ANSWER_KEPT = 'The answer is kept: retryJob reads it again without a second charge.'
const REQUEST_KEPT = 'The request is kept: retryJob fetches its video without a second charge.'

/** Longest part of a message that is fal's, in characters. */
const MAX_REASON = 200

export const HOUR_MS = 3600_000

/** fal's error type of a request that was canceled. @see https://docs.fal.ai/request-errors */
export const CANCELED_BY_CALLER = 'client_cancelled'

/** Whether fal itself refused. Otherwise the body is a page of a proxy before fal. */
export function isRefusalOfFal({ kind, body }: FalError): boolean {
  return (kind === 'rejected' || kind === 'not-found') && body === null
}

/** The result of a completed request cannot be used. */
export function refused(message: string, text: string | null): Ending {
  return { ...failed(createFailure('RESULT_REFUSED', `${message} ${ANSWER_KEPT}`)), kept: { text } }
}

/** fal completed the request and did not return its result in time. */
export function withheld(model: Model, error: FalError): Ending {
  const reason = shorten(error.message, MAX_REASON)
  if (error.kind === 'unreadable' || error.kind === 'rejected' || error.kind === 'not-found')
    return refused(`fal completed the request, but this server could not read its answer: ${reason}.`, error.body)
  const message = `fal did not return the result within an hour: ${reason}. ${REQUEST_KEPT}`
  return { ...failed({ ...toFailure(model, error), message }), kept: { text: null } }
}

/** fal keeps refusing the status of the request. */
export function lost(model: Model, error: FalError): Ending {
  if (error.kind === 'not-found') {
    const message = 'fal no longer has this request: its result has expired, or it was removed at fal.'
    return failed(createFailure('RESULT_EXPIRED', message))
  }
  const message = `fal refuses to return the status of this request: ${shorten(error.message, MAX_REASON)}. ${REQUEST_KEPT}`
  const failure = { ...toFailure(model, error), code: 'PROVIDER_ERROR', message, retryable: true } as const
  return { ...failed(failure), kept: { text: null } }
}

/** Polls of the status failed for too long. */
export function unavailable(error: FalError, text: string | null): Ending {
  const code = CODES_OF_OUTAGE[error.kind] ?? 'PROVIDER_UNAVAILABLE'
  const message = `For hours fal did not return the status of this request: ${shorten(error.message, MAX_REASON)}. ${REQUEST_KEPT}`
  const kept = { text: text ?? error.body }
  return { ...failed(createFailure(code, message, { providerCode: error.errorType })), kept }
}

/** The operator's report of an outage that lasts. */
export function toStillFailing({ kind, message, status }: FalError, lastedMs: number, end: string): FalError {
  const text = `no status for ${(lastedMs / HOUR_MS).toFixed(1)} hours, ${end}: ${shorten(message, MAX_REASON)}`
  return new FalError(kind, text, { status })
}

/** The page of a proxy is unreadable, whatever its status. */
const CODES_OF_OUTAGE: Partial<Record<FalError['kind'], FailureCode>> = {
  auth: 'PROVIDER_AUTH',
  rejected: 'PROVIDER_ERROR',
  'not-found': 'PROVIDER_ERROR',
  unreadable: 'PROVIDER_ERROR',
}

/** The request is queued or running for too long. */
export function unfinished(waitedMs: number): Ending {
  const message = `fal did not complete the request within ${waitedMs / (24 * HOUR_MS)} days, so this server canceled it.`
  return failed(createFailure('PROVIDER_TIMEOUT', message))
}
