/** A wait that a notification ends early. A notification while nobody waits ends the next wait at once. */
export interface WakeUp {
  notify(): void
  /** Resolves to true when notified, to false when the time has passed. @throws the signal's reason when it aborts */
  wait(delayMs: number, signal: AbortSignal): Promise<boolean>
}

export function createWakeUp(): WakeUp {
  let isNotified = false
  let wake: (() => void) | undefined
  return {
    notify: () => {
      isNotified = true
      wake?.()
    },
    wait: async (delayMs, signal) => {
      signal.throwIfAborted()
      if (!isNotified) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(done, delayMs)
          function done(): void {
            clearTimeout(timer)
            signal.removeEventListener('abort', done)
            wake = undefined
            resolve()
          }
          wake = done
          signal.addEventListener('abort', done)
        })
      }
      signal.throwIfAborted()
      const wasNotified = isNotified
      isNotified = false
      return wasNotified
    },
  }
}
