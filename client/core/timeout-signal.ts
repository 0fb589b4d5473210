/**
 * An AbortSignal that aborts with its parent, or after `ms` milliseconds. Stands in for `AbortSignal.any`, which is newer
 * than the supported browsers, and `AbortSignal.timeout`, which cannot restart.
 */
export function createTimeoutSignal(parent: AbortSignal, ms: number) {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  let timer = setTimeout(abort, ms)
  if (parent.aborted) abort()
  parent.addEventListener('abort', abort)
  return {
    signal: controller.signal,
    /** Aborts in `ms` milliseconds, instead of at the time set before. */
    restart: (ms: number): void => {
      clearTimeout(timer)
      timer = setTimeout(abort, ms)
    },
    /** Aborts now, and releases the timer and the parent signal. */
    dispose: (): void => {
      abort()
      clearTimeout(timer)
      parent.removeEventListener('abort', abort)
    },
  }
}
