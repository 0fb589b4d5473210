import type { JobStatus } from '../../operations/generated/graphql.ts'
import { createBackoff } from './backoff.ts'
import type { Connection } from './connection.ts'
import { isCursorRefused, type RetryEnding } from './ending.ts'
import { openSubscription } from './subscription.ts'

/** The fields of an update that resuming after it needs. */
export interface ResumableUpdate {
  cursor: string
  status: JobStatus
  missed?: number
}

interface WatchDeps {
  connection: Connection
  random: () => number
}

export interface WatchOptions {
  query: string
  signal: AbortSignal
  onRetry?: ((reason: string) => void) | undefined
}

const TERMINAL: ReadonlySet<JobStatus> = new Set(['SUCCEEDED', 'FAILED', 'CANCELED'])
/** The server never completes the subscription of an open job or of the feed: retried like a lost connection. */
const COMPLETED_EARLY: RetryEnding = {
  kind: 'retry',
  scope: 'subscription',
  reason: 'the server ended the subscription',
}

/** Yields a job's updates after `after`, up to the terminal one, over as many subscriptions as necessary. */
export async function* watchJob<Update extends ResumableUpdate>(
  deps: WatchDeps,
  { jobId, after, query, signal, onRetry }: WatchOptions & { jobId: string; after: string | null },
) {
  const retry = createRetry(deps, { signal, onRetry })
  let cursor = after
  /** Whether the cursor comes from an update of this watch rather than from the caller. */
  let isOwnCursor = false
  for (;;) {
    const variables = { id: jobId, after: cursor }
    const subscription = openSubscription<{ jobProgress: Update }>(deps.connection, { query, variables, signal })
    for await (const { jobProgress: update } of subscription) {
      retry.reset()
      if (update.missed) yield { kind: 'gap', missed: update.missed } as const
      yield { kind: 'update', update } as const
      if (TERMINAL.has(update.status)) return
      cursor = update.cursor
      isOwnCursor = true
    }
    const { ending } = subscription
    if (ending?.kind === 'aborted') return
    if (ending?.kind === 'completed') {
      // The caller's cursor was that of the terminal update.
      if (cursor !== null && !isOwnCursor) return
      await retry.wait(COMPLETED_EARLY)
    }
    if (ending?.kind === 'refused') {
      if (!isOwnCursor || !isCursorRefused(ending.error)) throw ending.error
      // The update log was replaced, for example by a restored backup: start from the current state.
      cursor = null
      isOwnCursor = false
      yield { kind: 'gap', missed: 0 } as const
    }
    if (ending?.kind === 'retry') await retry.wait(ending)
  }
}

/** Yields the updates of all jobs, and a gap whenever some may have been missed. */
export async function* watchFeed<Update>(deps: WatchDeps, { query, signal, onRetry }: WatchOptions) {
  const retry = createRetry(deps, { signal, onRetry })
  for (let isFirst = true; ; isFirst = false) {
    const subscription = openSubscription<{ jobFeed: Update }>(deps.connection, { query, variables: {}, signal })
    // Only after the start: a list that the caller reads upon the gap is then no older than the feed.
    if (!isFirst && (await subscription.started)) yield { kind: 'gap' } as const
    for await (const { jobFeed: update } of subscription) {
      retry.reset()
      yield { kind: 'update', update } as const
    }
    const { ending } = subscription
    if (ending?.kind === 'aborted') return
    if (ending?.kind === 'refused') throw ending.error
    if (ending?.kind === 'completed') await retry.wait(COMPLETED_EARLY)
    if (ending?.kind === 'retry') await retry.wait(ending)
  }
}

/** The delays of one watch: shared with all watches after a lost connection, its own after a failed subscription. */
function createRetry({ connection, random }: WatchDeps, { signal, onRetry }: Pick<WatchOptions, 'signal' | 'onRetry'>) {
  const own = createBackoff(random)
  return {
    wait: async ({ scope, reason, minWindowMs }: RetryEnding): Promise<void> => {
      onRetry?.(reason)
      await (scope === 'connection' ? connection.backoff : own).wait(signal, minWindowMs)
    },
    reset: () => {
      own.reset()
      connection.backoff.reset()
    },
  }
}
