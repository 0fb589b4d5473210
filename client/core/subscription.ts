import type { FormattedExecutionResult } from 'graphql-ws/client'
import { type Ending, toEnding } from './ending.ts'
import type { Operation, Transport } from './transport.ts'
import { withResolvers } from './with-resolvers.ts'

/** One subscription, with a queue of results that have not been read yet. */
export interface Subscription<Data> {
  /** True once the server has started it, so that every later update is delivered; false if it ended before. */
  readonly started: Promise<boolean>
  /** The next result; null after the last one. One call at a time. */
  next(): Promise<Data | null>
  /** Null until it ends. */
  readonly ending: Ending | null
  close(): void
}

export interface SubscriptionOptions extends Operation {
  signal: AbortSignal
}

/** A subscriber that does not read costs this many results at most. */
const MAX_QUEUED = 1000

export function openSubscription<Data>(
  transport: Transport,
  { query, variables, signal }: SubscriptionOptions,
): Subscription<Data> {
  const queue: Data[] = []
  const started = withResolvers<boolean>()
  const releases: (() => void)[] = []
  let ending: Ending | null = null
  let wake = (): void => {}

  function end(reason: Ending): void {
    if (ending) return
    ending = reason
    if (reason.kind === 'aborted') queue.length = 0
    for (const release of releases) release()
    started.resolve(false)
    wake()
  }

  function push({ data, errors = [] }: FormattedExecutionResult<Data>): void {
    if (ending) return
    if (data) queue.push(data)
    if (!data) end(toEnding(errors))
    else if (queue.length >= MAX_QUEUED) end({ kind: 'resubscribe' })
    wake()
  }

  function open(): void {
    const abort = (): void => end({ kind: 'aborted' })
    signal.addEventListener('abort', abort)
    releases.push(() => signal.removeEventListener('abort', abort))
    const sink = { started: () => started.resolve(true), next: push, end }
    const unsubscribe = transport.subscribe<Data>({ query, variables }, sink)
    // A connection listener may have aborted during `subscribe`.
    if (ending) unsubscribe()
    else releases.push(unsubscribe)
  }

  if (signal.aborted) end({ kind: 'aborted' })
  else open()

  return {
    started: started.promise,
    next: async () => {
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
