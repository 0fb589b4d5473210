/** A sleep that can be cut short. A ring while nobody sleeps ends the next sleep at once. */
export interface Alarm {
  ring(): void
  /** Resolves to true when rung, false when the time has passed. @throws the signal's reason when it aborts */
  sleep(delayMs: number, signal: AbortSignal): Promise<boolean>
}

export function createAlarm(): Alarm {
  let rung = false
  let wake: (() => void) | undefined
  return {
    ring: () => {
      rung = true
      wake?.()
    },
    sleep: async (delayMs, signal) => {
      signal.throwIfAborted()
      if (!rung) {
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
      const wasRung = rung
      rung = false
      return wasRung
    },
  }
}
