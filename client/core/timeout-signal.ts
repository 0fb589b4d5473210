/** An AbortSignal with a timeout that can be restarted. Aborts with its parent signal too. */
export interface TimeoutSignal {
  readonly signal: AbortSignal
  /** Aborts in `ms` milliseconds, instead of at the time set before. */
  restart(ms: number): void
  /** Aborts now, and releases the timer and the parent signal. */
  dispose(): void
}

/** Stands in for `AbortSignal.any`, which is newer than the supported browsers, and `AbortSignal.timeout`, which cannot restart. */
export function createTimeoutSignal(parent: AbortSignal): TimeoutSignal {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  let timer: ReturnType<typeof setTimeout> | undefined
  if (parent.aborted) abort()
  parent.addEventListener('abort', abort)
  return {
    signal: controller.signal,
    restart: (ms) => {
      clearTimeout(timer)
      timer = setTimeout(abort, ms)
    },
    dispose: () => {
      abort()
      clearTimeout(timer)
      parent.removeEventListener('abort', abort)
    },
  }
}
