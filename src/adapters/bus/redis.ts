import { createClient } from '@redis/client'
import { BUS_BACKOFF, backoffMs } from '../../backoff.ts'
import { StartError } from '../../errors.ts'
import { type Bus, type BusEvents, createOutbox } from './bus.ts'

interface RedisBusOptions extends BusEvents {
  url: string
  /** Between two heartbeats, in milliseconds; a connection that is silent for twice as long is closed. Default 4000. */
  heartbeatMs?: number
}

const CHANNEL = 'reelay'
const CONNECT_MS = 3_000

/**
 * Sends notifications by Redis, for more processes than Postgres should notify. One connection: with RESP3 (Redis 6)
 * messages and responses share it.
 * @throws StartError when there is no Redis at the URL.
 */
export async function openRedisBus({ url, heartbeatMs = 4_000, ...events }: RedisBusOptions): Promise<Bus> {
  let isOpen = false
  const client = createClient({
    url,
    RESP: 3,
    name: 'reelay-bus',
    pingInterval: heartbeatMs,
    // Unsent notifications make the other processes resync later; a queue of them would only grow.
    disableOfflineQueue: true,
    socket: {
      connectTimeout: CONNECT_MS,
      socketTimeout: heartbeatMs * 2,
      // At the start a failure is reported, as of a wrong URL; later the connection is retried.
      reconnectStrategy: (retries, cause) => (isOpen ? backoffMs(retries + 1, BUS_BACKOFF, Math.random()) : cause),
    },
  })
  const outbox = createOutbox((text) => client.publish(CHANNEL, text), events)
  let isUnavailable = false
  client.on('error', (error: unknown) => {
    // Every failed attempt to reconnect emits an error: report the first.
    if (isOpen && !isUnavailable) events.onError(error, { stage: 'bus' })
    isUnavailable = true
  })
  client.on('ready', () => {
    if (!isUnavailable || !isOpen) return
    isUnavailable = false
    events.onResync()
    outbox.flush()
  })
  try {
    await client.connect()
    await client.subscribe(CHANNEL, outbox.receive)
    isOpen = true
  } catch (error) {
    if (client.isOpen) client.destroy()
    const reason = error instanceof Error ? error.message : String(error)
    throw new StartError(
      `cannot start: the Redis of REDIS_URL does not answer (${reason}); correct REDIS_URL, or unset it`,
      { cause: error },
    )
  }
  return {
    send: outbox.send,
    stop: async () => {
      if (client.isOpen) client.destroy()
    },
  }
}
