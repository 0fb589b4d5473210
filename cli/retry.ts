import { setTimeout as pause } from 'node:timers/promises'
import { RetryableError } from './errors.ts'

interface RetryOptions {
  signal: AbortSignal
  /** Called before each pause. */
  onRetry(error: Error): void
  pausesMs?: readonly number[]
}

/** Repeats a call that is safe to repeat, with growing pauses, while it throws RetryableErrors. */
export async function withRetries<T>(
  call: () => Promise<T>,
  { signal, onRetry, pausesMs = [500, 1000, 2000, 4000, 8000] }: RetryOptions,
): Promise<T> {
  for (const pauseMs of pausesMs) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof RetryableError)) throw error
      onRetry(error)
      await pause(pauseMs, undefined, { signal })
    }
  }
  return await call()
}
