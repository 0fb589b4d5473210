import type { FormattedExecutionResult } from 'graphql-ws/client'
import type { Connection } from './connection.ts'
import { type Ending, toEnding } from './ending.ts'

/** One subscription, until it ends for whatever reason. What came is kept until it is taken. */
export interface Subscription<Data> {
  /** Whether it came to stand, so that what happens from then on is told. */
  readonly standing: Promise<boolean>
  /** What came next; null when it has ended, and all that came before was taken. One call at a time. */
  take(): Promise<Data | null>
  /** Why it has ended; null as long as it goes on. */
  readonly ending: Ending | null
  close(): void
}

export interface SubscriptionOptions {
  query: string
  variables: Record<string, unknown>
  signal: AbortSignal
}

/** So much is kept for a reader that does not read. */
const QUEUE_LIMIT = 1000
/** A connection that does not come about is given up, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000

export function openSubscription<Data>(
  connection: Connection,
  { query, variables, signal }: SubscriptionOptions,
): Subscription<Data> {
  const queue: Data[] = []
  const standing = Promise.withResolvers<boolean>()
  const releases: (() => void)[] = []
  let ending: Ending | null = null
  let isTelling = false
  let wake = (): void => {}

  function end(how: Ending): void {
    if (ending) return
    ending = how
    if (how.kind === 'aborted') queue.length = 0
    for (const release of releases) release()
    standing.resolve(false)
    wake()
  }

  function keep({ data, errors = [] }: FormattedExecutionResult<Data>): void {
    if (ending) return
    isTelling = true
    if (data) queue.push(data)
    if (!data) end(toEnding(errors))
    else if (queue.length >= QUEUE_LIMIT) end({ kind: 'full' })
    isTelling = false
    wake()
  }

  function open(): void {
    const abort = (): void => end({ kind: 'aborted' })
    const deadline = setTimeout(() => connection.terminate(), CONNECT_TIMEOUT_MS)
    const stand = (): void => {
      clearTimeout(deadline)
      standing.resolve(true)
    }
    signal.addEventListener('abort', abort)
    releases.push(
      () => clearTimeout(deadline),
      () => signal.removeEventListener('abort', abort),
      connection.on('connected', stand),
      // graphql-ws would come back by itself after a close by 1000, with the cursor of the first time.
      connection.on('closed', (event) => end(toEnding(event))),
    )
    if (connection.isStanding()) stand()
    const sink = {
      next: keep,
      error: (error: unknown) => end(toEnding(error)),
      complete: () => end({ kind: 'completed' }),
    }
    const unsubscribe = connection.subscribe<Data>({ query, variables }, sink)
    // Somebody who was told of the connecting may have aborted just now.
    if (ending) unsubscribe()
    // graphql-ws counts twice what is left while it is told, when the server's `complete` came along with it; it
    // would never close the socket then.
    else releases.push(() => (isTelling ? void setTimeout(unsubscribe) : unsubscribe()))
  }

  if (signal.aborted) end({ kind: 'aborted' })
  else open()

  return {
    standing: standing.promise,
    take: async () => {
      if (queue.length === 0 && !ending) {
        const woken = Promise.withResolvers<void>()
        wake = woken.resolve
        await woken.promise
      }
      return queue.shift() ?? null
    },
    get ending() {
      return ending
    },
    close: () => end({ kind: 'aborted' }),
  }
}
