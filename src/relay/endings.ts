/** How a job ends when fal, or this server, does not get its request to an end. Pure. */

import { FalError } from '../adapters/fal/errors.ts'
import { shorten } from '../errors.ts'
import type { Ending } from '../jobs/ending.ts'
import { createFailure, type Failure, type FailureCode, toFailure } from '../jobs/failure.ts'
import type { Model } from '../jobs/models.ts'

/** What a user may count on. */
const ANSWER_KEPT = 'The answer is kept: retryJob reads it again, and nothing is paid twice.'
const REQUEST_KEPT = 'The request is kept: retryJob asks for its video again, and nothing is paid twice.'

/** What of another's message is told on, in characters: there is more to say. */
const MAX_REASON = 200

export const HOUR_MS = 3600_000

/** fal's error type of a request that was canceled. @see https://docs.fal.ai/request-errors */
export const CANCELED_BY_CALLER = 'client_cancelled'

/** A refusal in fal's own words: one without is a page of whatever stands before fal. */
export function isRefusalOfFal({ kind, body }: FalError): boolean {
  return (kind === 'rejected' || kind === 'not-found') && body === null
}

export function failed(failure: Failure): Ending {
  return { status: 'FAILED', failure }
}

/** The answer to a completed request cannot be taken. */
export function refused(message: string, text: string | null): Ending {
  return { ...failed(createFailure('RESULT_REFUSED', `${message} ${ANSWER_KEPT}`)), kept: { text } }
}

/** fal did not hand out the result for as long as it was asked for. */
export function withheld(model: Model, error: FalError): Ending {
  const reason = shorten(error.message, MAX_REASON)
  if (error.kind === 'unreadable' || error.kind === 'rejected' || error.kind === 'not-found')
    return refused(`fal completed the request, but this server could not read its answer: ${reason}.`, error.body)
  const message = `fal did not hand out the result within an hour: ${reason}. ${REQUEST_KEPT}`
  return { ...failed({ ...toFailure(model, error), message }), kept: { text: null } }
}

/** fal goes on refusing to tell how the request stands. */
export function lost(model: Model, error: FalError): Ending {
  if (error.kind === 'not-found') {
    const message = 'fal no longer knows this request: its result has expired, or it was removed at fal.'
    return failed(createFailure('RESULT_EXPIRED', message))
  }
  const message = `fal refuses to tell how the request stands: ${shorten(error.message, MAX_REASON)}. ${REQUEST_KEPT}`
  const failure = { ...toFailure(model, error), code: 'PROVIDER_ERROR', message, retryable: true } as const
  return { ...failed(failure), kept: { text: null } }
}

/** Nobody told how the request stands for as long as it was asked for. */
export function unavailable(error: FalError, text: string | null): Ending {
  const code = CODES_OF_OUTAGE[error.kind] ?? 'PROVIDER_UNAVAILABLE'
  const message = `For hours fal did not tell how the request stands: ${shorten(error.message, MAX_REASON)}. ${REQUEST_KEPT}`
  const kept = { text: text ?? error.body }
  return { ...failed(createFailure(code, message, { providerCode: error.errorType })), kept }
}

/** What the operator is told meanwhile. */
export function toStillFailing({ kind, message, status }: FalError, lastedMs: number, end: string): FalError {
  const text = `no status for ${(lastedMs / HOUR_MS).toFixed(1)} hours, ${end}: ${shorten(message, MAX_REASON)}`
  return new FalError(kind, text, { status })
}

/** A page of whatever stands before fal is something unreadable, whatever its status. */
const CODES_OF_OUTAGE: Partial<Record<FalError['kind'], FailureCode>> = {
  auth: 'PROVIDER_AUTH',
  rejected: 'PROVIDER_ERROR',
  'not-found': 'PROVIDER_ERROR',
  unreadable: 'PROVIDER_ERROR',
}

/** fal says that the request waits or runs for longer than anybody waits. */
export function unfinished(waitedMs: number): Ending {
  const message = `fal did not end the request within ${waitedMs / (24 * HOUR_MS)} days, so it was asked to cancel it.`
  return failed(createFailure('PROVIDER_TIMEOUT', message))
}
