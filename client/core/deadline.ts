/** A signal that aborts together with another one, or when the time is over that was set last. */
export interface Deadline {
  readonly signal: AbortSignal
  set(ms: number): void
  /** Aborts what is still under way, and holds on to neither the timer nor the other signal. */
  end(): void
}

/** `AbortSignal.any` is newer than the browsers that are supported, and no deadline of its own could be moved. */
export function createDeadline(signal: AbortSignal): Deadline {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  let timer: ReturnType<typeof setTimeout> | undefined
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  return {
    signal: controller.signal,
    set: (ms) => {
      clearTimeout(timer)
      timer = setTimeout(abort, ms)
    },
    end: () => {
      abort()
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    },
  }
}
