import type { FormattedExecutionResult } from 'graphql-ws/client'
import { type Ending, toEnding } from './ending.ts'
import type { Operation, Transport } from './transport.ts'
import { withResolvers } from './with-resolvers.ts'

/** A subscriber that does not read costs this many results at most. */
const MAX_QUEUED = 1000

/** One subscription, with a queue of results that have not been read yet. */
export function openSubscription<Data>(
  transport: Transport,
  { query, variables, signal }: Operation & { signal: AbortSignal },
) {
  const queue: Data[] = []
  const started = withResolvers<boolean>()
  let ending: Ending | null = null
  let unsubscribe: (() => void) | undefined
  let wake = (): void => {}
  const abort = (): void => end({ kind: 'aborted' })

  function end(reason: Ending): void {
    if (ending) return
    ending = reason
    if (reason.kind === 'aborted') queue.length = 0
    signal.removeEventListener('abort', abort)
    unsubscribe?.()
    started.resolve(false)
    wake()
  }

  function next({ data, errors = [] }: FormattedExecutionResult<Data>): void {
    if (ending) return
    if (data) queue.push(data)
    if (!data) end(toEnding(errors))
    else if (queue.length >= MAX_QUEUED) end({ kind: 'resubscribe' })
    wake()
  }

  signal.addEventListener('abort', abort)
  if (signal.aborted) abort()
  else {
    const sink = { started: () => started.resolve(true), next, end }
    unsubscribe = transport.subscribe<Data>({ query, variables }, sink)
    // A connection listener may have aborted during `subscribe`.
    if (ending) unsubscribe()
  }

  return {
    /** True once the server has started it, so that every later update is delivered; false if it ended before. */
    started: started.promise,
    /** Null until it ends. */
    get ending() {
      return ending
    },
    /** Yields all results, for one loop. Breaking out of the loop closes the subscription. */
    async *[Symbol.asyncIterator](): AsyncGenerator<Data> {
      try {
        while (queue.length > 0 || !ending) {
          const result = queue.shift()
          if (result) yield result
          else
            await new Promise<void>((resolve) => {
              wake = resolve
            })
        }
      } finally {
        abort()
      }
    },
  }
}
