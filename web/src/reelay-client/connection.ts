import { type Client, createClient } from 'graphql-ws/client'
import { type Backoff, createBackoff } from './backoff.ts'

export type ConnectionState = 'online' | 'connecting' | 'offline'

export interface ConnectionOptions {
  /** ws: or wss: */
  url: string
  webSocketImpl: unknown
  random: () => number
  /** A socket over which nothing came for so long is asked for a sign of life, in milliseconds. */
  keepAliveMs: number
}

/** The one socket of all watches. It is made when somebody subscribes, and closed when nobody does any more. */
export interface Connection extends Pick<Client, 'subscribe' | 'on' | 'terminate'> {
  /** Common to all who lost the socket. */
  backoff: Backoff
  /** Whether what is sent now goes out. */
  isStanding(): boolean
  onState(listener: (state: ConnectionState) => void): () => void
  close(): Promise<void>
}

/** How long a sign of life may take, in shares of the time after which it is asked for. */
const PONG_SHARE = 0.5
/** `WebSocket.OPEN`, without a WebSocket at hand. */
const OPEN = 1

export function createConnection({ url, webSocketImpl, random, keepAliveMs }: ConnectionOptions): Connection {
  const backoff = createBackoff({ random })
  const listeners = new Set<(state: ConnectionState) => void>()
  let state: ConnectionState = 'offline'
  let socket: { readyState?: unknown } | null = null
  let pongDeadline: ReturnType<typeof setTimeout> | undefined

  function turn(next: ConnectionState): void {
    if (state === next) return
    state = next
    for (const listener of [...listeners]) listener(next)
  }

  function lose(): void {
    clearTimeout(pongDeadline)
    socket = null
    turn('offline')
  }

  const client = createClient({
    url,
    webSocketImpl,
    // Again here would mean: with the cursor of the first time.
    retryAttempts: 0,
    keepAlive: keepAliveMs,
    on: {
      connecting: () => turn('connecting'),
      connected: (made) => {
        socket = made as { readyState?: unknown }
        turn('online')
      },
      ping: (received) => {
        if (received) return
        clearTimeout(pongDeadline)
        pongDeadline = setTimeout(() => client.terminate(), keepAliveMs * PONG_SHARE)
      },
      pong: (received) => {
        // It has stood for as long as this: whatever broke before is over.
        if (received) backoff.reset()
      },
      message: () => clearTimeout(pongDeadline),
      closed: lose,
      error: lose,
    },
  })

  return {
    backoff,
    subscribe: client.subscribe,
    on: client.on,
    terminate: client.terminate,
    isStanding: () => socket?.readyState === OPEN,
    onState: (listener) => {
      listeners.add(listener)
      listener(state)
      return () => listeners.delete(listener)
    },
    close: async () => {
      clearTimeout(pongDeadline)
      // To dispose of a socket that is not there yet would mean to wait for it.
      if (socket) await client.dispose()
      else client.terminate()
    },
  }
}
