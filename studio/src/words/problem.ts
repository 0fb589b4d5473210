import { ReelayRequestError } from '../../../client/core/errors.ts'

/** Whether a request may have failed for want of a connection: it reached nobody, or nobody answered in time. */
export function isOutOfReach(error: unknown): boolean {
  if (error instanceof ReelayRequestError) return error.status === 0
  return error instanceof Error && error.name === 'TimeoutError'
}

/** What stood in the way of a request, and what to do: for a person. */
export function toProblemWords(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError')
    return 'The server did not answer in time. Check your connection and try again.'
  if (!(error instanceof ReelayRequestError))
    return error instanceof Error ? error.message : 'It did not work. Try again.'
  if (error.status === 0) return 'The server cannot be reached. Check your connection and try again.'
  if (error.status >= 502 || error.code === 'SERVICE_UNAVAILABLE')
    return 'The server is not ready just now. Try again in a moment.'
  if (error.status === 413) return 'The picture is too large: 10 MiB is the most. Choose a smaller one.'
  if (error.code === 'INTERNAL_SERVER_ERROR') return 'Something broke on the server. Try again.'
  return error.message
}
