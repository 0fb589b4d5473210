import { createRecentBuffer, type RecentBuffer } from './recent-buffer.ts'
import type { Update } from './update.ts'
import { createTailReader, type TailReaderDeps } from './update-fetcher.ts'

/** A reader's hold on something that grows. Release it with `close` (or `using`). */
export interface Watch<T> extends Disposable {
  /** Newest known index; 0 while nothing is known. */
  readonly head: number
  /** What came after `index`, oldest first; null when memory does not tell and the store must be read. */
  since(index: number): T[] | null
  /** Resolves once something after `index` is known of, or `signal` aborts. */
  changed(index: number, signal: AbortSignal): Promise<void>
}

/**
 * Wakes the readers of this process. It keeps the recent updates of what is watched, once for all who watch it: a reader
 * costs a place and a flag, however slow it is. What it says is a hint; the log in the database is the truth.
 */
export interface Hub {
  /** Tells readers of an update that has been committed. */
  publish(update: Update): void
  /**
   * Says that another process has committed an update. If anybody here watches its job or owner it is read, once for all of
   * them, together with what else is hinted at in that moment.
   */
  hint(hint: { jobId: string; ownerId: string; sequence: number }): void
  /** Hints may have been missed: looks at everything that is watched, and ends the feeds, which cannot tell what they missed. */
  gap(): void
  watchJob(jobId: string): Watch<Update>
  /** All jobs of an owner; indexes are of this process alone. The updates of each job come in order. */
  watchOwner(ownerId: string): Watch<Update>
  /** How many things are being watched. */
  readonly size: number
}

export interface HubDeps extends Omit<TailReaderDeps, 'accept'> {
  /** The newest sequence of each of these jobs, in one query. */
  readHeads(jobIds: string[]): Promise<Map<string, number>>
}

export interface HubOptions {
  /** How many updates are kept in memory per watched job; a reader that is further back reads the database. Default 256. */
  recent?: number
  /** How many updates are kept per watched owner; a reader that is further back has lost its place. Default 2048. */
  recentOfOwner?: number
  /** Backstop for lost hints: milliseconds between looks at the heads of all watched jobs. Default 5000. */
  lookMs?: number
}

interface Channel {
  buffer: RecentBuffer<Update>
  readers: number
  waiting: Set<() => void>
}

interface OwnerChannel extends Channel {
  /** The newest update of each job that was told; of as many jobs as updates are kept. */
  told: Map<string, number>
}

export function createHub(deps: HubDeps, options: HubOptions = {}): Hub & { stop(): void } {
  const { recent = 256, recentOfOwner = 2048, lookMs = 5000 } = options
  const jobs = new Map<string, Channel>()
  const owners = new Map<string, OwnerChannel>()
  const tails = createTailReader({ ...deps, accept: (update) => accept(update, { wasRead: true }) }, recent)

  function accept(update: Update, { wasRead }: { wasRead: boolean }): void {
    const ofJob = jobs.get(update.jobId)
    if (ofJob?.buffer.push(update.sequence, update)) wake(ofJob)
    const ofOwner = owners.get(update.ownerId)
    if (ofOwner) acceptForOwner(ofOwner, update, wasRead)
  }

  /** In the order of the job's log: one that comes before its predecessor is read again, together with that. */
  function acceptForOwner(channel: OwnerChannel, update: Update, wasRead: boolean): void {
    const { jobId, sequence } = update
    const last = channel.told.get(jobId)
    if (last !== undefined && sequence <= last) return
    if (last !== undefined && sequence > last + 1 && !wasRead) {
      tails.want(jobId, last)
      return
    }
    // Newest at the end, so that the job that was silent for longest is the one that is forgotten.
    channel.told.delete(jobId)
    channel.told.set(jobId, sequence)
    if (channel.told.size > recentOfOwner) channel.told.delete(channel.told.keys().next().value ?? '')
    channel.buffer.push(channel.buffer.head + 1, update)
    wake(channel)
  }

  function watch<C extends Channel>(channels: Map<string, C>, key: string, create: () => C): Watch<Update> {
    const channel = channels.get(key) ?? create()
    channels.set(key, channel)
    channel.readers++
    let open = true
    return {
      get head() {
        return channel.buffer.head
      },
      since: (index) => channel.buffer.since(index),
      changed: (index, signal) => changed(channel, index, signal),
      [Symbol.dispose]: () => {
        if (!open) return
        open = false
        channel.readers--
        if (channel.readers === 0) channels.delete(key)
      },
    }
  }

  function createChannel(capacity: number): Channel {
    return { buffer: createRecentBuffer<Update>(capacity), readers: 0, waiting: new Set() }
  }

  // One statement for everything that is watched, however many watch it.
  let looking = false
  async function look(): Promise<void> {
    if (looking || jobs.size === 0) return
    looking = true
    try {
      for (const [jobId, head] of await deps.readHeads([...jobs.keys()])) {
        const channel = jobs.get(jobId)
        if (channel && head > channel.buffer.head) readOrRaise(jobId, channel, head)
      }
    } catch (error) {
      deps.onError(error, { stage: 'look for missed updates' })
    } finally {
      looking = false
    }
  }
  const timer = setInterval(() => void look(), lookMs)
  timer.unref()

  /** A channel that knows nothing yet has readers at different places: they read for themselves, once. */
  function readOrRaise(jobId: string, channel: Channel, head: number): void {
    if (channel.buffer.head > 0) tails.want(jobId, channel.buffer.head)
    else if (channel.buffer.advanceTo(head)) wake(channel)
  }

  return {
    publish: (update) => accept(update, { wasRead: false }),
    hint: ({ jobId, ownerId, sequence }) => {
      const ofJob = jobs.get(jobId)
      const ofOwner = owners.get(ownerId)
      if (ofJob && sequence > ofJob.buffer.head)
        tails.want(jobId, ofJob.buffer.head > 0 ? ofJob.buffer.head : sequence - 1)
      if (ofOwner && sequence > (ofOwner.told.get(jobId) ?? 0))
        tails.want(jobId, ofOwner.told.get(jobId) ?? sequence - 1)
    },
    gap: () => {
      void look()
      for (const channel of owners.values()) {
        channel.told.clear()
        // One further than anybody is: whoever reads on learns that its place is lost.
        channel.buffer.advanceTo(channel.buffer.head + 2)
        wake(channel)
      }
    },
    watchJob: (jobId) => watch(jobs, jobId, () => createChannel(recent)),
    watchOwner: (ownerId) =>
      watch(owners, ownerId, () => ({ ...createChannel(recentOfOwner), told: new Map<string, number>() })),
    get size() {
      return jobs.size + owners.size
    },
    stop: () => {
      clearInterval(timer)
      tails.stop()
    },
  }
}

function wake(channel: Channel): void {
  const waiting = [...channel.waiting]
  channel.waiting.clear()
  for (const resolve of waiting) resolve()
}

function changed(channel: Channel, index: number, signal: AbortSignal): Promise<void> {
  if (channel.buffer.head > index || signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    function done(): void {
      channel.waiting.delete(done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    channel.waiting.add(done)
    signal.addEventListener('abort', done)
  })
}
