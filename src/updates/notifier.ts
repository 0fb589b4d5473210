import { EventEmitter } from 'node:events'
import type { Bus, BusEvents } from '../adapters/bus/bus.ts'
import type { PreviousStatus, Update } from './update.ts'

/** A notification that came over the bus: the process that caused it has sent it to all others already. */
export type Origin = 'remote'

/**
 * What a process is notified of. A notification only wakes up: the tables are the truth, and a lost one costs latency.
 * Writers emit after their commit.
 */
interface Notifications {
  /** This process committed an update. `previous`: the status that the job left by it; null when the status stayed. */
  updateStored: [update: Update, previous: PreviousStatus | null]
  /** Another process committed an update. */
  remoteUpdateStored: [head: { jobId: string; ownerId: string; sequence: number }]
  /** A task was added: a worker can claim it. */
  taskAdded: [origin?: Origin]
  /** The job's row, or its request at fal, has changed: its relay should read both. */
  jobChanged: [jobId: string, origin?: Origin]
  /** Notifications may have been missed: read everything again. */
  resync: []
}

export type Notifier = EventEmitter<Notifications>

export function createNotifier(): Notifier {
  return new EventEmitter<Notifications>()
}

/** Sends what this process emits to all other processes, and emits what they send. Nothing received is sent again. */
export async function connectBus(
  notifier: Notifier,
  { openBus, onError }: { openBus(events: BusEvents): Promise<Bus>; onError: BusEvents['onError'] },
): Promise<Bus> {
  const bus = await openBus({
    onNotification: (notification) => {
      if (notification.kind === 'update') notifier.emit('remoteUpdateStored', notification)
      else if (notification.kind === 'task') notifier.emit('taskAdded', 'remote')
      else notifier.emit('jobChanged', notification.jobId, 'remote')
    },
    onResync: () => notifier.emit('resync'),
    onError,
  })
  notifier.on('updateStored', ({ jobId, ownerId, sequence }) => bus.send({ kind: 'update', jobId, ownerId, sequence }))
  notifier.on('taskAdded', (origin) => {
    if (origin !== 'remote') bus.send({ kind: 'task' })
  })
  notifier.on('jobChanged', (jobId, origin) => {
    if (origin !== 'remote') bus.send({ kind: 'job', jobId })
  })
  return bus
}
