import { ReelayRequestError } from '../../../client/core/errors.ts'

/** Whether a request may have failed because the server is unreachable: no connection, or no response in time. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof ReelayRequestError ? error.status === 0 : isTimeout(error)
}

/** Why a request failed, and what the user can do. */
export function toErrorText(error: unknown): string {
  if (isTimeout(error)) return 'The server did not answer in time. Check your connection and try again.'
  if (!(error instanceof ReelayRequestError))
    return error instanceof Error ? error.message : 'It did not work. Try again.'
  if (error.status === 0) return 'The server cannot be reached. Check your connection and try again.'
  if (error.status >= 502 || error.code === 'SERVICE_UNAVAILABLE')
    return 'The server is not ready just now. Try again in a moment.'
  if (error.status === 413) return 'The picture is too large: 10 MiB is the most. Choose a smaller one.'
  if (error.code === 'INTERNAL_SERVER_ERROR') return 'Something broke on the server. Try again.'
  return error.message
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError'
}
