import { ReelayRequestError } from '../../../client/core/errors.ts'

/** Whether a request may have failed because the server is unreachable: no connection, or no response in time. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof ReelayRequestError ? error.status === 0 : isTimeout(error)
}

/** Why a request failed, and what the user can do. */
export function toErrorText(error: unknown): string {
  if (isTimeout(error)) return 'The server did not respond in time. Check your connection and try again.'
  if (!(error instanceof ReelayRequestError))
    return error instanceof Error ? error.message : 'Something went wrong. Try again.'
  if (error.status === 0) return 'The server is unreachable. Check your connection and try again.'
  if (error.status >= 502 || error.code === 'SERVICE_UNAVAILABLE')
    return 'The server is not ready. Try again in a moment.'
  if (error.status === 413) return 'The image is too large: the limit is 10 MiB. Choose a smaller one.'
  if (error.code === 'INTERNAL_SERVER_ERROR') return 'The server had an error. Try again.'
  return error.message
}

/**
 * Shown while the page is disconnected. On a loopback host the unreachable server may be the only process that runs the
 * jobs, and it may have ended. Any other host is another machine, which a lost network connection does not stop.
 */
export function toOfflineText(hostname: string): string {
  const isLoopback = /^(?:localhost|.*\.localhost|127\..*|\[::1\])$/.test(hostname)
  return isLoopback ? 'Reconnecting…' : 'Reconnecting… Jobs keep running.'
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError'
}
