import { randomUUID } from 'node:crypto'
import { z } from 'zod'

/** Something that another process may want to know. Ids only: what there is to know stands in the database. */
export type Notification =
  /** The log of a job has a new update. */
  | { kind: 'update'; jobId: string; ownerId: string; sequence: number }
  /** There is a new task. */
  | { kind: 'task' }
  /** A job's row, or fal, has something to tell the relay that holds the job. */
  | { kind: 'job'; jobId: string }

/**
 * Carries hints between the processes of one installation. A hint is worth some latency and nothing else: it may be lost
 * or come twice, and whoever relies on one looks for itself now and then.
 */
export interface Bus {
  /** Sends to all other processes. MUST NOT throw or wait, and MUST NOT deliver to the sender. */
  send(hint: Notification): void
  /** Releases everything. Nothing is delivered after that. */
  stop(): Promise<void>
}

export interface BusEvents {
  onNotification(hint: Notification): void
  /** Hints may have been missed. MUST be called after each time that the connection was away. */
  onResync(): void
  onError(error: unknown, context: { stage: string }): void
}

const NotificationShape = z.union([
  z.tuple([z.literal('u'), z.string(), z.string(), z.number()]),
  z.tuple([z.literal('t')]),
  z.tuple([z.literal('l'), z.string()]),
])
const MessageShape = z.object({ from: z.string(), gap: z.boolean().optional(), hints: z.array(NotificationShape) })

/** Postgres takes less than 8000 bytes; an id is some 40 and an owner's name some hundreds. */
const MAX_BYTES = 7_500
/** Hints that wait while the connection is away; beyond that the others are told that they missed some. */
const MAX_WAITING = 10_000

/**
 * The part of a bus that is the same for all drivers: hints are collected while the last message is on its way, so that
 * messages get fewer and larger as there is more to tell.
 */
export interface Outbox {
  send(hint: Notification): void
  /** There is a connection (again): sends what waits. */
  flush(): void
  /** Takes a message apart that came in; those of this process say nothing to it. */
  receive(text: string): void
}

/** @param post - sends a message, and rejects when it cannot: then its hints count as missed by all others. */
export function createOutbox(
  post: (text: string) => Promise<void>,
  { onNotification, onResync, onError }: BusEvents,
): Outbox {
  const from = randomUUID()
  let waiting: Notification[] = []
  let missed = false
  let isSending = false

  async function sendAll(): Promise<void> {
    if (isSending) return
    isSending = true
    try {
      while (waiting.length > 0 || missed) {
        const gap = missed
        missed = false
        const { text, rest } = toMessage(from, { gap, hints: waiting })
        waiting = rest
        await post(text)
      }
    } catch {
      // The driver knows that its connection is away and calls `flush` when it is back.
      missed = true
    } finally {
      isSending = false
    }
  }

  return {
    send: (hint) => {
      if (waiting.length >= MAX_WAITING) {
        waiting = []
        missed = true
      }
      waiting.push(hint)
      void sendAll()
    },
    flush: () => void sendAll(),
    receive: (text) => {
      const message = readMessage(text)
      if (!message) return onError(new Error('a message on the bus is not one of Reelay'), { stage: 'bus' })
      if (message.from === from) return
      if (message.gap) onResync()
      for (const hint of message.hints) onNotification(hint)
    },
  }
}

/** As many of the hints as fit into one message, and those that do not. */
export function toMessage(from: string, { gap, hints }: { gap: boolean; hints: readonly Notification[] }) {
  const texts: string[] = []
  let sizeBytes = 0
  for (const hint of hints) {
    const text = JSON.stringify(toTuple(hint))
    sizeBytes += Buffer.byteLength(text) + 1
    if (sizeBytes > MAX_BYTES && texts.length > 0) break
    texts.push(text)
  }
  const text = `{"from":"${from}",${gap ? '"gap":true,' : ''}"hints":[${texts.join(',')}]}`
  return { text, rest: hints.slice(texts.length) }
}

/** Null when it is none. */
export function readMessage(text: string): { from: string; gap: boolean; hints: Notification[] } | null {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return null
  }
  const { data } = MessageShape.safeParse(json)
  return data ? { from: data.from, gap: data.gap ?? false, hints: data.hints.map(toNotification) } : null
}

function toTuple(hint: Notification): z.infer<typeof NotificationShape> {
  switch (hint.kind) {
    case 'update':
      return ['u', hint.jobId, hint.ownerId, hint.sequence]
    case 'task':
      return ['t']
    case 'job':
      return ['l', hint.jobId]
  }
}

function toNotification(tuple: z.infer<typeof NotificationShape>): Notification {
  switch (tuple[0]) {
    case 'u':
      return { kind: 'update', jobId: tuple[1], ownerId: tuple[2], sequence: tuple[3] }
    case 't':
      return { kind: 'task' }
    case 'l':
      return { kind: 'job', jobId: tuple[1] }
  }
}
