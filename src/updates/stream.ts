import { FeedLaggedError, InvalidArgumentError } from '../errors.ts'
import type { Hub } from './hub.ts'
import { retryWhileUnavailable } from './retry.ts'
import type { Update } from './update.ts'
import type { UpdateLog } from './update-log.ts'

export type Streams = ReturnType<typeof createStreams>

/** Updates read from the database at a time: the most that a slow subscriber holds in memory. */
const PAGE = 100

/** Live reading of the update log. */
export function createStreams({ log, hub }: { log: UpdateLog; hub: Hub }) {
  async function* ofJob(jobId: string, after: number | null, signal: AbortSignal): AsyncGenerator<Update> {
    // Watched before the log is read: an update that commits in between is in one of the two.
    using watch = hub.watchJob(jobId)
    let cursor = after ?? 0
    if (after === null) {
      const now = await log.snapshot(jobId)
      yield now
      if (now.final) return
      cursor = now.sequence
    }
    // A client's cursor is looked up in the log once: the hub cannot know that the job ended at it.
    let isVerified = after === null
    while (!signal.aborted) {
      const recent: Update[] | null = isVerified ? watch.since(cursor) : null
      const read = () => readAfter(jobId, cursor)
      // A failure of the first read is the subscriber's to see at once.
      const updates: Update[] | 'ended' =
        recent ?? (await (isVerified ? retryWhileUnavailable(read, { signal }) : read()))
      isVerified = true
      if (updates === 'ended') return
      for (const update of updates) {
        yield { ...update, missed: update.sequence - cursor - 1 }
        if (update.final) return
        cursor = update.sequence
      }
      if (updates.length === 0) await watch.changed(cursor, signal)
    }
  }

  async function readAfter(jobId: string, cursor: number): Promise<Update[] | 'ended'> {
    const updates = await log.read(jobId, { after: cursor, limit: PAGE })
    if (updates.length > 0) return updates
    const now = await log.snapshot(jobId)
    if (cursor > now.sequence)
      throw new InvalidArgumentError(
        'after',
        '`after` is beyond the log of this job: expected a cursor that this server gave out.',
      )
    if (cursor === now.sequence) return now.final ? 'ended' : []
    // Updates were stored between the two reads, or were pruned. The terminal one never is: yield it, counting the rest.
    const late = await log.read(jobId, { after: cursor, limit: PAGE })
    return late.length === 0 && now.final ? [{ ...now, logs: [] }] : late
  }

  async function* ofOwner(ownerId: string, signal: AbortSignal): AsyncGenerator<Update> {
    using watch = hub.watchOwner(ownerId)
    let cursor = watch.head
    while (!signal.aborted) {
      const updates = watch.since(cursor)
      if (updates === null && watch.head > 0) throw new FeedLaggedError()
      for (const update of updates ?? []) {
        yield update
        cursor++
      }
      await watch.changed(cursor, signal)
    }
  }

  return {
    /**
     * Yields a job's updates in sequence order, each exactly once, and ends after the terminal update.
     * @param after - a sequence: starts with the update that follows it. Null: starts with the job's current state and all
     *   log lines so far, as one update.
     * @throws InvalidArgumentError when `after` is beyond the log
     */
    ofJob: (jobId: string, after: number | null) => toStoppable((signal) => ofJob(jobId, after, signal)),
    /**
     * Yields the updates of all jobs of an owner from now on.
     * @throws FeedLaggedError when the subscriber falls further behind than the hub keeps updates
     */
    ofOwner: (ownerId: string) => toStoppable((signal) => ofOwner(ownerId, signal)),
  }
}

/** An iterator whose `return` takes effect at once. A bare generator's would wait for the next update. */
function toStoppable<T>(generate: (signal: AbortSignal) => AsyncGenerator<T>): AsyncIterableIterator<T> {
  const controller = new AbortController()
  const generator = generate(controller.signal)
  return {
    next: () => generator.next(),
    return: async () => {
      controller.abort()
      await generator.return(undefined)
      return { done: true, value: undefined }
    },
    throw: async (error) => {
      controller.abort()
      return await generator.throw(error)
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
