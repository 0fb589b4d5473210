import { setTimeout as pause } from 'node:timers/promises'

export interface UntilOptions {
  /** Bound of the wait, in milliseconds. Default 5000. */
  timeoutMs?: number
  /** Milliseconds between looks. Default 5. */
  everyMs?: number
  /** What is waited for, in words, for the error. */
  what?: string
}

/**
 * Waits for a fact instead of sleeping: answers the first truthy value of `condition`.
 * @throws Error when the time has passed, with the last error of the condition as its cause
 */
export async function until<T>(condition: () => T | Promise<T>, options: UntilOptions = {}): Promise<NonNullable<T>> {
  const { timeoutMs = 5000, everyMs = 5, what = 'the condition' } = options
  const deadline = performance.now() + timeoutMs
  for (;;) {
    let cause: unknown
    try {
      const value = await condition()
      if (value) return value
    } catch (error) {
      // An assertion that does not hold yet; told if it never does.
      cause = error
    }
    if (performance.now() >= deadline) {
      const message = `waited ${timeoutMs} ms for ${what}, which did not come`
      throw new Error(message, cause === undefined ? undefined : { cause })
    }
    await pause(everyMs)
  }
}
