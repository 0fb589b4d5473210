import type { JobStatus } from '../../operations/generated/graphql.ts'
import { createBackoff } from './backoff.ts'
import type { Connection } from './connection.ts'
import { type Again, isCursorRefused } from './ending.ts'
import { openSubscription, type Subscription } from './subscription.ts'

/** What must be known of an update to go on after it. */
export interface Progress {
  cursor: string
  status: JobStatus
  missed?: number
}

export interface WatchDeps {
  connection: Connection
  random: () => number
}

export interface WatchOptions {
  query: string
  signal: AbortSignal
  onRetry?: ((reason: string) => void) | undefined
}

const ENDED: ReadonlySet<JobStatus> = new Set(['SUCCEEDED', 'FAILED', 'CANCELED'])
/** Nobody says so of a job that goes on, or of a feed: as after a broken connection. */
const COMPLETED_EARLY: Again = { kind: 'again', of: 'answer', reason: 'the server ended the subscription' }

/** The updates of a job after `after`, to the one that ends it, over as many subscriptions as it takes. */
export async function* watchJob<Update extends Progress>(
  deps: WatchDeps,
  { jobId, after, query, signal, onRetry }: WatchOptions & { jobId: string; after: string | null },
) {
  const retry = createRetry(deps, { signal, onRetry })
  let cursor = after
  /** Whether the cursor is of an update that was given out here. */
  let isOwn = false
  for (;;) {
    const variables = { id: jobId, after: cursor }
    const subscription = openSubscription<{ jobProgress: Update }>(deps.connection, { query, variables, signal })
    for await (const { jobProgress: update } of readAll(subscription)) {
      retry.reset()
      if (update.missed) yield { kind: 'gap', missed: update.missed } as const
      yield { kind: 'update', update } as const
      if (ENDED.has(update.status)) return
      cursor = update.cursor
      isOwn = true
    }
    const { ending } = subscription
    if (ending?.kind === 'aborted') return
    if (ending?.kind === 'completed') {
      // The job had ended at the cursor that the caller came with.
      if (cursor !== null && !isOwn) return
      await retry.wait(COMPLETED_EARLY)
    }
    if (ending?.kind === 'refused') {
      if (!isOwn || !isCursorRefused(ending.error)) throw ending.error
      // The log is another one, as after a restore of the database: begin with the state now.
      cursor = null
      isOwn = false
      yield { kind: 'gap', missed: 0 } as const
    }
    if (ending?.kind === 'again') await retry.wait(ending)
  }
}

/** The updates of all jobs, and a gap whenever some may have been missed. */
export async function* watchFeed<Update>(deps: WatchDeps, { query, signal, onRetry }: WatchOptions) {
  const retry = createRetry(deps, { signal, onRetry })
  for (let isFirst = true; ; isFirst = false) {
    const subscription = openSubscription<{ jobFeed: Update }>(deps.connection, { query, variables: {}, signal })
    // Told when it stands: a list that is read on this word is not older than the feed.
    if (!isFirst && (await subscription.standing)) yield { kind: 'gap' } as const
    for await (const { jobFeed: update } of readAll(subscription)) {
      retry.reset()
      yield { kind: 'update', update } as const
    }
    const { ending } = subscription
    if (ending?.kind === 'aborted') return
    if (ending?.kind === 'refused') throw ending.error
    if (ending?.kind === 'completed') await retry.wait(COMPLETED_EARLY)
    if (ending?.kind === 'again') await retry.wait(ending)
  }
}

/** All that a subscription brings. Breaking out of the loop closes it. */
async function* readAll<Data>(subscription: Subscription<Data>): AsyncGenerator<Data> {
  try {
    for (let data = await subscription.take(); data !== null; data = await subscription.take()) yield data
  } finally {
    subscription.close()
  }
}

/** Pauses of one watch: common to all watches while the line is at fault, its own while its answers are. */
function createRetry({ connection, random }: WatchDeps, { signal, onRetry }: Pick<WatchOptions, 'signal' | 'onRetry'>) {
  const own = createBackoff({ random })
  return {
    wait: async ({ of, reason, spreadMs }: Again): Promise<void> => {
      onRetry?.(reason)
      await (of === 'socket' ? connection.backoff : own).wait(signal, spreadMs)
    },
    reset: () => {
      own.reset()
      connection.backoff.reset()
    },
  }
}
