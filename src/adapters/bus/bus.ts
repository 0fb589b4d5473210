import { randomUUID } from 'node:crypto'
import { z } from 'zod'

/** A notification for the other processes. Ids only: the facts are in the database. */
export type Notification =
  /** A job has a new update. */
  | { kind: 'update'; jobId: string; ownerId: string; sequence: number }
  /** There is a new task. */
  | { kind: 'task' }
  /** A job's row or its request at fal has changed: wakes the relay that has claimed the job. */
  | { kind: 'job'; jobId: string }

/**
 * Carries notifications between the processes of one installation. A notification only saves latency: it may be lost or
 * arrive twice, and every receiver also polls.
 */
export interface Bus {
  /** Sends to all other processes. MUST NOT throw or wait, and MUST NOT deliver to the sender. */
  send(notification: Notification): void
  /** Releases everything. Nothing is delivered after that. */
  stop(): Promise<void>
}

export interface BusEvents {
  onNotification(notification: Notification): void
  /** Notifications may have been missed. MUST be called after every interruption of the connection. */
  onResync(): void
  onError(error: unknown, context: { stage: string }): void
}

/**
 * The wire format, which keeps its first names so that releases can share a bus: `hints` are notifications, `gap` asks for
 * a resync, and u, t and l are an update, a task and a changed job.
 */
const NotificationShape = z.union([
  z
    .tuple([z.literal('u'), z.string(), z.string(), z.number()])
    .transform(([, jobId, ownerId, sequence]) => ({ kind: 'update' as const, jobId, ownerId, sequence })),
  z.tuple([z.literal('t')]).transform(() => ({ kind: 'task' as const })),
  z.tuple([z.literal('l'), z.string()]).transform(([, jobId]) => ({ kind: 'job' as const, jobId })),
])
const MessageShape = z.object({ from: z.string(), gap: z.boolean().optional(), hints: z.array(NotificationShape) })

/** Postgres accepts less than 8000 bytes. An id takes some 40 bytes, an owner's name up to some hundreds. */
const MAX_BYTES = 7_500
/** Most notifications that wait for a connection; beyond that they are dropped, and the other processes resync. */
const MAX_WAITING = 10_000

/**
 * The part of a bus that all drivers share. Notifications are collected while the last message is being sent: under load
 * messages get larger rather than more.
 * @param post - sends a message, and rejects when it cannot: then the other processes are told to resync.
 */
export function createOutbox(
  post: (text: string) => Promise<unknown>,
  { onNotification, onResync, onError }: BusEvents,
) {
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
        const { text, rest } = toMessage(from, { gap, notifications: waiting })
        waiting = rest
        await post(text)
      }
    } catch {
      // The driver knows that it has lost its connection, and calls `flush` when it has one again.
      missed = true
    } finally {
      isSending = false
    }
  }

  return {
    send: (notification: Notification): void => {
      if (waiting.length >= MAX_WAITING) {
        waiting = []
        missed = true
      }
      waiting.push(notification)
      void sendAll()
    },
    /** Sends the waiting notifications; call it when there is a connection (again). */
    flush: () => void sendAll(),
    /** Handles an incoming message; one of this process is ignored. */
    receive: (text: string) => {
      const message = readMessage(text)
      if (!message) return onError(new Error('a message on the bus is not from Reelay'), { stage: 'bus' })
      if (message.from === from) return
      if (message.gap) onResync()
      for (const notification of message.hints) onNotification(notification)
    },
  }
}

/** One message with as many of the notifications as fit into it, and the rest. */
export function toMessage(
  from: string,
  { gap, notifications }: { gap: boolean; notifications: readonly Notification[] },
) {
  const texts: string[] = []
  let sizeBytes = 0
  for (const notification of notifications) {
    const text = JSON.stringify(toTuple(notification))
    sizeBytes += Buffer.byteLength(text) + 1
    if (sizeBytes > MAX_BYTES && texts.length > 0) break
    texts.push(text)
  }
  const text = `{"from":"${from}",${gap ? '"gap":true,' : ''}"hints":[${texts.join(',')}]}`
  return { text, rest: notifications.slice(texts.length) }
}

/** Null when the text is not a message of Reelay. */
function readMessage(text: string): z.infer<typeof MessageShape> | null {
  try {
    return MessageShape.parse(JSON.parse(text))
  } catch {
    return null
  }
}

function toTuple(notification: Notification): z.input<typeof NotificationShape> {
  switch (notification.kind) {
    case 'update':
      return ['u', notification.jobId, notification.ownerId, notification.sequence]
    case 'task':
      return ['t']
    case 'job':
      return ['l', notification.jobId]
  }
}
