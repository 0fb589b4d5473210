import type { FormattedExecutionResult } from 'graphql-ws/client'
import { type Ending, toEnding } from './ending.ts'
import { withResolvers } from './resolvers.ts'
import type { Operation, Transport } from './transport.ts'

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

export interface SubscriptionOptions extends Operation {
  signal: AbortSignal
}

/** So much is kept for a reader that does not read. */
const QUEUE_LIMIT = 1000

export function openSubscription<Data>(
  transport: Transport,
  { query, variables, signal }: SubscriptionOptions,
): Subscription<Data> {
  const queue: Data[] = []
  const standing = withResolvers<boolean>()
  const releases: (() => void)[] = []
  let ending: Ending | null = null
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
    if (data) queue.push(data)
    if (!data) end(toEnding(errors))
    else if (queue.length >= QUEUE_LIMIT) end({ kind: 'full' })
    wake()
  }

  function open(): void {
    const abort = (): void => end({ kind: 'aborted' })
    signal.addEventListener('abort', abort)
    releases.push(() => signal.removeEventListener('abort', abort))
    const sink = { stand: () => standing.resolve(true), next: keep, end }
    const leave = transport.subscribe<Data>({ query, variables }, sink)
    // Somebody who was told of the connecting may have aborted just now.
    if (ending) leave()
    else releases.push(leave)
  }

  if (signal.aborted) end({ kind: 'aborted' })
  else open()

  return {
    standing: standing.promise,
    take: async () => {
      if (queue.length === 0 && !ending) {
        const woken = withResolvers<void>()
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
