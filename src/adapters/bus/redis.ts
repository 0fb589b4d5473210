import { createClient } from '@redis/client'
import { BUS_BACKOFF, backoffMs } from '../../backoff.ts'
import { StartError } from '../../errors.ts'
import { type Bus, type BusEvents, createOutbox } from './bus.ts'

export interface RedisBusOptions extends BusEvents {
  url: string
  /** Between two signs of life, in milliseconds; a connection that is silent for twice as long is given up. Default 4000. */
  heartbeatMs?: number
}

const CHANNEL = 'reelay'
const CONNECT_MS = 3_000

/**
 * Hints by Redis, for more processes than Postgres should notify. One connection: from RESP3 on (Redis 6) messages and
 * answers share it.
 * @throws StartError when there is no Redis at the URL.
 */
export async function openRedisBus({ url, heartbeatMs = 4_000, ...events }: RedisBusOptions): Promise<Bus> {
  let isOpen = false
  const client = createClient({
    url,
    RESP: 3,
    name: 'reelay-bus',
    pingInterval: heartbeatMs,
    // What is not sent now is told to be missed later: a queue would only grow.
    disableOfflineQueue: true,
    socket: {
      connectTimeout: CONNECT_MS,
      socketTimeout: heartbeatMs * 2,
      // At the start a wrong URL is to be told; later on Redis comes back by itself.
      reconnectStrategy: (retries, cause) => (isOpen ? backoffMs(retries + 1, BUS_BACKOFF, Math.random()) : cause),
    },
  })
  const outbox = createOutbox(async (text) => {
    await client.publish(CHANNEL, text)
  }, events)
  let isAway = false
  client.on('error', (error: unknown) => {
    // Every attempt to come back fails with one of these: the first says it.
    if (isOpen && !isAway) events.onError(error, { stage: 'bus' })
    isAway = true
  })
  client.on('ready', () => {
    if (!isAway || !isOpen) return
    isAway = false
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
