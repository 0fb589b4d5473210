import { withResolvers } from './resolvers.ts'

const FIRST_SPREAD_MS = 250
const LONGEST_SPREAD_MS = 8_000

/**
 * A pause before the next attempt, in milliseconds: any time within a spread that doubles with every failure, so that
 * clients that were cut off together do not come back together.
 * @param failures - how many attempts have failed before this pause's one
 * @param random - 0 to 1
 * @param spreadMs - the least spread
 */
export function nextDelayMs(failures: number, random: number, spreadMs = 0): number {
  return Math.round(Math.max(spreadMs, Math.min(LONGEST_SPREAD_MS, FIRST_SPREAD_MS * 2 ** failures)) * random)
}

/** Pauses that grow. All who wait at the same time wait for the same moment. */
export interface Backoff {
  /** Ends with the pause, when the browser is online again, or when `signal` aborts. */
  wait(signal: AbortSignal, spreadMs?: number): Promise<void>
  /** It went well: the next pause is a short one. */
  reset(): void
}

export interface BackoffOptions {
  random: () => number
  /** Where `online` is told; a browser's window unless given. */
  network?: EventTarget | undefined
}

export function createBackoff({ random, network = findWindow() }: BackoffOptions): Backoff {
  let failures = 0
  let endsAt = 0
  return {
    wait: async (signal, spreadMs) => {
      const now = performance.now()
      if (endsAt <= now) endsAt = now + nextDelayMs(failures++, random(), spreadMs)
      await pause(endsAt - now, { signal, network })
      // Cut short for one means: for all.
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

/** Where a page is told that the network is back; not there outside of browsers. */
export function findWindow(): EventTarget | undefined {
  const scope: unknown = globalThis
  return scope instanceof EventTarget ? scope : undefined
}
