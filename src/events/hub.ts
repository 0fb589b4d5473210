import { createRing, type Ring } from './ring.ts'
import type { Update } from './update.ts'

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
  watchJob(jobId: string): Watch<Update>
  /** All jobs of an owner; indexes are of this process alone. */
  watchOwner(ownerId: string): Watch<Update>
  /** How many things are being watched. */
  readonly size: number
}

export interface HubDeps {
  /** The newest sequence of each of these jobs, in one query. */
  readHeads(jobIds: string[]): Promise<Map<string, number>>
  onError(error: unknown, context: { stage: string }): void
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
  ring: Ring<Update>
  readers: number
  waiting: Set<() => void>
}

export function createHub({ readHeads, onError }: HubDeps, options: HubOptions = {}): Hub & { stop(): void } {
  const { recent = 256, recentOfOwner = 2048, lookMs = 5000 } = options
  const jobs = new Map<string, Channel>()
  const owners = new Map<string, Channel>()

  function watch(channels: Map<string, Channel>, key: string, capacity: number): Watch<Update> {
    const channel = channels.get(key) ?? { ring: createRing<Update>(capacity), readers: 0, waiting: new Set() }
    channels.set(key, channel)
    channel.readers++
    let open = true
    return {
      get head() {
        return channel.ring.head
      },
      since: (index) => channel.ring.since(index),
      changed: (index, signal) => changed(channel, index, signal),
      [Symbol.dispose]: () => {
        if (!open) return
        open = false
        channel.readers--
        if (channel.readers === 0) channels.delete(key)
      },
    }
  }

  // One statement for everything that is watched, however many watch it.
  let looking = false
  async function look(): Promise<void> {
    if (looking || jobs.size === 0) return
    looking = true
    try {
      for (const [jobId, head] of await readHeads([...jobs.keys()])) {
        const channel = jobs.get(jobId)
        if (channel?.ring.raise(head)) wake(channel)
      }
    } catch (error) {
      onError(error, { stage: 'look for missed updates' })
    } finally {
      looking = false
    }
  }
  const timer = setInterval(() => void look(), lookMs)
  timer.unref()

  return {
    publish: (update) => {
      const ofJob = jobs.get(update.jobId)
      if (ofJob?.ring.push(update.sequence, update)) wake(ofJob)
      const ofOwner = owners.get(update.ownerId)
      if (ofOwner?.ring.push(ofOwner.ring.head + 1, update)) wake(ofOwner)
    },
    watchJob: (jobId) => watch(jobs, jobId, recent),
    watchOwner: (ownerId) => watch(owners, ownerId, recentOfOwner),
    get size() {
      return jobs.size + owners.size
    },
    stop: () => clearInterval(timer),
  }
}

function wake(channel: Channel): void {
  const waiting = [...channel.waiting]
  channel.waiting.clear()
  for (const resolve of waiting) resolve()
}

function changed(channel: Channel, index: number, signal: AbortSignal): Promise<void> {
  if (channel.ring.head > index || signal.aborted) return Promise.resolve()
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
