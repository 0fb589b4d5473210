import type { Notifier } from './notifier.ts'
import { createRecentBuffer, type RecentBuffer } from './recent-buffer.ts'
import type { Update } from './update.ts'
import { createUpdateFetcher } from './update-fetcher.ts'
import type { UpdateLog } from './update-log.ts'

export type Hub = ReturnType<typeof createHub>

/** A subscriber's access to a job's or an owner's recent updates. Dispose of it when done. */
interface Watch extends Disposable {
  /** The newest known index; 0 while none is known. */
  readonly head: number
  /** The items after `index`, oldest first; null when memory does not have them all: read the update log then. */
  since(index: number): Update[] | null
  /** Resolves once something after `index` is known, or `signal` aborts. */
  changed(index: number, signal: AbortSignal): Promise<void>
}

export interface HubDeps {
  notifier: Notifier
  log: Pick<UpdateLog, 'heads' | 'readTails'>
  onError(error: unknown, context: { stage: string }): void
}

export interface HubOptions {
  /** Updates kept per watched job; a subscriber further back reads the database. Default 256. */
  recent?: number
  /** Updates kept per watched owner; a subscriber further back has lost its place. Default 2048. */
  recentOfOwner?: number
  /** Backstop for lost notifications: milliseconds between polls of all watched jobs' newest sequences. Default 5000. */
  pollMs?: number
}

interface Channel {
  buffer: RecentBuffer<Update>
  subscribers: number
  waiting: Set<(value?: unknown) => void>
}

interface OwnerChannel extends Channel {
  /** The newest sequence sent of each job, for as many jobs as updates are kept. */
  sent: Map<string, number>
}

/**
 * Wakes up this process's subscribers. The recent updates of a watched job are kept once for all of its subscribers, each
 * of which costs a cursor, however slow it is. The update log is the truth; the hub only saves reading it.
 */
export function createHub({ notifier, log, onError }: HubDeps, options: HubOptions = {}) {
  const { recent = 256, recentOfOwner = 2048, pollMs = 5000 } = options
  const jobs = new Map<string, Channel>()
  const owners = new Map<string, OwnerChannel>()
  let subscribers = 0
  const fetcher = createUpdateFetcher(
    { readTails: log.readTails, accept: (update) => accept(update, { isFetched: true }), onError },
    recent,
  )

  function accept(update: Update, { isFetched }: { isFetched: boolean }): void {
    const ofJob = jobs.get(update.jobId)
    if (ofJob?.buffer.push(update.sequence, update)) wakeUp(ofJob)
    const ofOwner = owners.get(update.ownerId)
    if (ofOwner) acceptForOwner(ofOwner, update, isFetched)
  }

  /** Keeps each job's order: an update that arrives before its predecessor is fetched again together with it. */
  function acceptForOwner(channel: OwnerChannel, update: Update, isFetched: boolean): void {
    const { jobId, sequence } = update
    const last = channel.sent.get(jobId)
    if (last !== undefined && sequence <= last) return
    if (last !== undefined && sequence > last + 1 && !isFetched) {
      fetcher.request(jobId, last)
      return
    }
    // Moved to the end of the map: its first job, silent for longest, is the one that is dropped.
    channel.sent.delete(jobId)
    channel.sent.set(jobId, sequence)
    if (channel.sent.size > recentOfOwner) channel.sent.delete(channel.sent.keys().next().value ?? '')
    channel.buffer.push(channel.buffer.head + 1, update)
    wakeUp(channel)
  }

  function watch<C extends Channel>(channels: Map<string, C>, key: string, create: () => C): Watch {
    const channel = channels.get(key) ?? create()
    channels.set(key, channel)
    channel.subscribers++
    subscribers++
    let isOpen = true
    return {
      get head() {
        return channel.buffer.head
      },
      since: (index) => channel.buffer.since(index),
      changed: (index, signal) => changed(channel, index, signal),
      [Symbol.dispose]: () => {
        if (!isOpen) return
        isOpen = false
        channel.subscribers--
        subscribers--
        if (channel.subscribers === 0) channels.delete(key)
      },
    }
  }

  function createChannel(capacity: number): Channel {
    return { buffer: createRecentBuffer<Update>(capacity), subscribers: 0, waiting: new Set() }
  }

  // One query for all watched jobs, however many subscribers they have.
  let isPolling = false
  async function poll(): Promise<void> {
    if (isPolling || jobs.size === 0) return
    isPolling = true
    try {
      for (const [jobId, head] of await log.heads([...jobs.keys()])) {
        const channel = jobs.get(jobId)
        if (channel && head > channel.buffer.head) fetchOrAdvance(jobId, channel, head)
      }
    } catch (error) {
      onError(error, { stage: 'poll for missed updates' })
    } finally {
      isPolling = false
    }
  }

  /** The subscribers of a channel that knows nothing yet are at different places: each reads the log once. */
  function fetchOrAdvance(jobId: string, channel: Channel, head: number): void {
    if (channel.buffer.head > 0) fetcher.request(jobId, channel.buffer.head)
    else if (channel.buffer.advanceTo(head)) wakeUp(channel)
  }

  const acceptStored = (update: Update): void => accept(update, { isFetched: false })

  /** Fetches what another process stored, if its job or owner is watched here. */
  function fetchRemote({ jobId, ownerId, sequence }: { jobId: string; ownerId: string; sequence: number }): void {
    const ofJob = jobs.get(jobId)
    const ofOwner = owners.get(ownerId)
    if (ofJob && sequence > ofJob.buffer.head)
      fetcher.request(jobId, ofJob.buffer.head > 0 ? ofJob.buffer.head : sequence - 1)
    if (ofOwner && sequence > (ofOwner.sent.get(jobId) ?? 0))
      fetcher.request(jobId, ofOwner.sent.get(jobId) ?? sequence - 1)
  }

  /** Polls all watched jobs, and ends the feeds, which cannot know what they missed. */
  function resync(): void {
    void poll()
    for (const channel of owners.values()) {
      channel.sent.clear()
      // One further than any subscriber has read: its next read finds that its place is lost.
      channel.buffer.advanceTo(channel.buffer.head + 2)
      wakeUp(channel)
    }
  }

  const timer = setInterval(() => void poll(), pollMs).unref()
  notifier.on('updateStored', acceptStored)
  notifier.on('remoteUpdateStored', fetchRemote)
  notifier.on('resync', resync)

  return {
    watchJob: (jobId: string): Watch => watch(jobs, jobId, () => createChannel(recent)),
    /** All jobs of an owner. Indexes are this process's own. The updates of each job come in order. */
    watchOwner: (ownerId: string): Watch =>
      watch(owners, ownerId, () => ({ ...createChannel(recentOfOwner), sent: new Map<string, number>() })),
    /** How many watches are open: one per subscription. */
    get subscribers() {
      return subscribers
    },
    /** How many jobs and owners are being watched. */
    get size() {
      return jobs.size + owners.size
    },
    stop: (): void => {
      notifier.off('updateStored', acceptStored)
      notifier.off('remoteUpdateStored', fetchRemote)
      notifier.off('resync', resync)
      clearInterval(timer)
      fetcher.stop()
    },
  }
}

function wakeUp(channel: Channel): void {
  const waiting = [...channel.waiting]
  channel.waiting.clear()
  for (const resolve of waiting) resolve()
}

async function changed({ buffer, waiting }: Channel, index: number, signal: AbortSignal): Promise<void> {
  if (buffer.head > index || signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<unknown>()
  waiting.add(resolve)
  signal.addEventListener('abort', resolve)
  await promise
  waiting.delete(resolve)
  signal.removeEventListener('abort', resolve)
}
