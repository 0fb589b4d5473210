import { createTimeoutSignal } from './timeout-signal.ts'
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

export type Backoff = ReturnType<typeof createBackoff>

/**
 * Growing delays. Callers that wait at the same time share one delay.
 * @param network - fires `online`; the browser's window by default
 */
export function createBackoff(random: () => number, network: EventTarget | undefined = findWindow()) {
  let failures = 0
  let endsAt = 0
  return {
    /** Resolves after the delay, when the browser is online again, or when `signal` aborts. */
    wait: async (signal: AbortSignal, minWindowMs?: number): Promise<void> => {
      const now = performance.now()
      if (endsAt <= now) endsAt = now + nextDelayMs(failures++, random(), minWindowMs)
      await pause(endsAt - now, signal, network)
      // A delay that the network cut short is over for all callers.
      if (!signal.aborted) endsAt = 0
    },
    /** After a success: the next delay is short again. */
    reset: (): void => {
      failures = 0
    },
  }
}

async function pause(ms: number, signal: AbortSignal, network: EventTarget | undefined): Promise<void> {
  if (signal.aborted) return
  const timeout = createTimeoutSignal(signal, ms)
  const over = withResolvers<unknown>()
  timeout.signal.addEventListener('abort', over.resolve)
  network?.addEventListener('online', over.resolve, { signal: timeout.signal })
  await over.promise
  timeout.dispose()
}

/** The window, where a page gets its `online` events; undefined outside browsers. */
export function findWindow(): EventTarget | undefined {
  const scope: unknown = globalThis
  return scope instanceof EventTarget ? scope : undefined
}
