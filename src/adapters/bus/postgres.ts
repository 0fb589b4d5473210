import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { BUS_BACKOFF, backoffMs } from '../../backoff.ts'
import { DatabaseUnavailableError } from '../../errors.ts'
import { toConnectionOptions } from '../postgres/connection-options.ts'
import { PgClient } from '../postgres/pg-client.ts'
import { prepareSession, readSchema } from '../postgres/session.ts'
import { type Bus, type BusEvents, createOutbox } from './bus.ts'

interface PostgresBusOptions extends BusEvents {
  url: string
  /** Between two heartbeats, in milliseconds; each must be answered within the same time. Default 4000. */
  heartbeatMs?: number
}

const CONNECT_MS = 3_000

/**
 * Sends notifications by LISTEN and NOTIFY, over a separate connection: a pooled one would lose those that arrive between
 * two users.
 * @see https://www.postgresql.org/docs/current/sql-notify.html
 */
export async function openPostgresBus({ url, heartbeatMs = 4_000, ...events }: PostgresBusOptions): Promise<Bus> {
  const stopping = new AbortController()
  let connection: Connection | null = null
  const outbox = createOutbox(async (text) => {
    if (!connection) throw new DatabaseUnavailableError('the bus has no connection')
    await connection.notify(text)
  }, events)

  const connect = () => openConnection(url, { onMessage: outbox.receive, heartbeatMs })

  /** Waits for the end of the connection and opens the next one, until the bus is stopped. */
  async function keepConnected(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; ) {
      if (connection) {
        const reason = await connection.ended
        connection = null
        if (stopping.signal.aborted) return
        events.onError(reason, { stage: 'bus' })
      }
      await sleep(backoffMs(failures + 1, BUS_BACKOFF, Math.random()), null, stopping)
      connection = await connect().catch(() => null) // Reported when the last one ended.
      failures = connection ? 0 : failures + 1
      if (!connection) continue
      if (stopping.signal.aborted) return connection.close()
      events.onResync()
      outbox.flush()
    }
  }

  connection = await connect()
  const kept = keepConnected().catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error
  })
  return {
    send: outbox.send,
    stop: async () => {
      stopping.abort()
      connection?.close()
      await kept
    },
  }
}

type Connection = Awaited<ReturnType<typeof openConnection>>

async function openConnection(
  url: string,
  { onMessage, heartbeatMs }: { onMessage(text: string): void; heartbeatMs: number },
) {
  const schema = readSchema(url)
  // Channels belong to the whole database: installations in two of its schemas need different ones.
  const channel = schema === 'public' ? 'reelay' : `reelay_${schema}`
  // Our own socket can be destroyed without an answer of the other side, which does not come from a black hole.
  const socket = new Socket()
  const client = new PgClient({
    application_name: 'reelay-bus',
    stream: () => socket,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: heartbeatMs,
    ...toConnectionOptions(url),
  })
  const { promise: ended, resolve: end } = Promise.withResolvers<unknown>()
  client.on('error', end)
  client.on('end', () => end(new DatabaseUnavailableError('the connection of the bus was closed')))
  client.on('notification', ({ payload }) => onMessage(payload ?? ''))
  try {
    await client.connect()
    await prepareSession(client, { schema })
    await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`)
  } catch (error) {
    socket.destroy()
    throw error
  }
  const heartbeat = setInterval(() => void client.query('SELECT 1').catch(end), heartbeatMs)
  void ended.then(() => {
    clearInterval(heartbeat)
    socket.destroy()
  })
  return {
    /** Resolves to the reason. */
    ended,
    notify: (text: string) =>
      client.query('SELECT pg_notify($1, $2)', [channel, text]).catch((error: unknown) => {
        end(error)
        throw error
      }),
    close: () => end(null),
  }
}
