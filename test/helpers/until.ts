import { setTimeout as pause } from 'node:timers/promises'

export interface UntilOptions {
  /** Maximum wait, in milliseconds. Default 5000. */
  timeoutMs?: number
  /** Milliseconds between checks. Default 5. */
  everyMs?: number
  /** Description of the condition, for the error. */
  what?: string
}

/**
 * Waits for a condition instead of sleeping, and returns its first truthy value.
 * @throws Error after the timeout, with the last error of the condition as its cause.
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
      // The assertion does not hold yet; it is the cause of the error if it never does.
      cause = error
    }
    if (performance.now() >= deadline) {
      const message = `waited ${timeoutMs} ms for ${what}, which did not come`
      throw new Error(message, cause === undefined ? undefined : { cause })
    }
    await pause(everyMs)
  }
}
