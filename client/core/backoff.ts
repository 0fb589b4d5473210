import { withResolvers } from './with-resolvers.ts'

const FIRST_WINDOW_MS = 250
const MAX_WINDOW_MS = 8_000

/**
 * The delay before the next attempt, in milliseconds: a random time within a window that doubles with every failure,
 * so that clients that lost their connections together do not all reconnect together.
 * @param failures - how many attempts failed before this delay
 * @param random - 0 to 1
 * @param minWindowMs - the shortest window
 */
export function nextDelayMs(failures: number, random: number, minWindowMs = 0): number {
  return Math.round(Math.max(minWindowMs, Math.min(MAX_WINDOW_MS, FIRST_WINDOW_MS * 2 ** failures)) * random)
}

/** Growing delays. Callers that wait at the same time share one delay. */
export interface Backoff {
  /** Resolves after the delay, when the browser is online again, or when `signal` aborts. */
  wait(signal: AbortSignal, minWindowMs?: number): Promise<void>
  /** After a success: the next delay is short again. */
  reset(): void
}

export interface BackoffOptions {
  random: () => number
  /** Fires `online`; the browser's window by default. */
  network?: EventTarget | undefined
}

export function createBackoff({ random, network = findWindow() }: BackoffOptions): Backoff {
  let failures = 0
  let endsAt = 0
  return {
    wait: async (signal, minWindowMs) => {
      const now = performance.now()
      if (endsAt <= now) endsAt = now + nextDelayMs(failures++, random(), minWindowMs)
      await pause(endsAt - now, { signal, network })
      // A delay that the network cut short is over for all callers.
      if (!signal.aborted) endsAt = 0
    },
    reset: () => {
      failures = 0
    },
  }
}

interface Interruption {
  signal: AbortSignal
  network: EventTarget | undefined
}

async function pause(ms: number, { signal, network }: Interruption): Promise<void> {
  if (signal.aborted) return
  const over = withResolvers<void>()
  const timer = setTimeout(over.resolve, ms)
  const cut = (): void => over.resolve()
  signal.addEventListener('abort', cut)
  network?.addEventListener('online', cut)
  await over.promise
  clearTimeout(timer)
  signal.removeEventListener('abort', cut)
  network?.removeEventListener('online', cut)
}

/** The window, where a page gets its `online` events; undefined outside browsers. */
export function findWindow(): EventTarget | undefined {
  const scope: unknown = globalThis
  return scope instanceof EventTarget ? scope : undefined
}
