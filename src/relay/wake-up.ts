export type WakeUp = ReturnType<typeof createWakeUp>

/** A wait that a notification ends early. A notification while nobody waits ends the next wait at once. */
export function createWakeUp() {
  let isNotified = false
  let endWait: ((value?: unknown) => void) | undefined
  return {
    notify: (): void => {
      isNotified = true
      endWait?.()
    },
    /** Resolves to true when notified, to false when the time has passed. @throws the signal's reason when it aborts */
    wait: async (delayMs: number, signal: AbortSignal): Promise<boolean> => {
      signal.throwIfAborted()
      if (!isNotified) {
        const { promise, resolve } = Promise.withResolvers<unknown>()
        endWait = resolve
        const timer = setTimeout(resolve, delayMs)
        signal.addEventListener('abort', resolve)
        await promise
        clearTimeout(timer)
        signal.removeEventListener('abort', resolve)
      }
      signal.throwIfAborted()
      const wasNotified = isNotified
      isNotified = false
      return wasNotified
    },
  }
}
