import { createClient, GRAPHQL_TRANSPORT_WS_PROTOCOL } from 'graphql-ws/client'
import { toEnding } from './ending.ts'
import type { LineEvents, Transport } from './transport.ts'

export interface WebSocketOptions extends LineEvents {
  /** ws: or wss: */
  url: string
  webSocketImpl: unknown
  /** A socket over which nothing came for so long is asked for a sign of life, in milliseconds. */
  keepAliveMs: number
}

/** One socket for all subscriptions. It is opened for the first of them, and closed after the last. */
export interface WebSocketTransport extends Transport {
  /** Whether a socket can be opened, tried on one that carries nothing. */
  test(): Promise<boolean>
  close(): Promise<void>
}

/** How long a sign of life may take, in shares of the time after which it is asked for. */
const PONG_SHARE = 0.5
/** A socket that was not acknowledged by then is given up, in milliseconds: two of them are waited for before the next way is taken. */
const CONNECT_TIMEOUT_MS = 5_000
/** `WebSocket.OPEN`, without a WebSocket at hand. */
const OPEN = 1
/** The client itself closed it, because nobody subscribes any more. */
const NORMAL_CLOSURE = 1000

export function createWebSocketTransport(options: WebSocketOptions): WebSocketTransport {
  const { url, webSocketImpl, keepAliveMs, onState, onFailed, onWorks, onHealthy } = options
  let socket: { readyState?: unknown } | null = null
  let pongDeadline: ReturnType<typeof setTimeout> | undefined

  const client = createClient({
    url,
    webSocketImpl,
    // Again here would mean: with the cursor of the first time.
    retryAttempts: 0,
    keepAlive: keepAliveMs,
    on: {
      connecting: () => onState('connecting'),
      connected: (made) => {
        socket = made as { readyState?: unknown }
        onState('online')
        onWorks()
      },
      ping: (received) => {
        if (!received) expectPong()
      },
      pong: (received) => {
        if (!received) return
        stopExpectingPong()
        onHealthy()
      },
      // A slow line may bring the pong behind many messages. It has to come: graphql-ws sends no ping before it does.
      message: () => {
        if (pongDeadline !== undefined) expectPong()
      },
      closed: (event) => {
        const isFailed = socket === null && (event as { code?: unknown }).code !== NORMAL_CLOSURE
        lose()
        if (isFailed) onFailed()
      },
      error: lose,
    },
  })

  function expectPong(): void {
    clearTimeout(pongDeadline)
    pongDeadline = setTimeout(() => client.terminate(), keepAliveMs * PONG_SHARE)
  }

  function stopExpectingPong(): void {
    clearTimeout(pongDeadline)
    pongDeadline = undefined
  }

  function lose(): void {
    stopExpectingPong()
    socket = null
    onState('offline')
  }

  return {
    subscribe: (operation, sink) => {
      let isTelling = false
      const deadline = setTimeout(() => client.terminate(), CONNECT_TIMEOUT_MS)
      const stand = (): void => {
        clearTimeout(deadline)
        sink.stand()
      }
      const releases = [
        client.on('connected', stand),
        // graphql-ws would come back by itself after a close by 1000, with the cursor of the first time.
        client.on('closed', (event) => sink.end(toEnding(event))),
      ]
      if (socket?.readyState === OPEN) stand()
      const unsubscribe = client.subscribe(
        { ...operation },
        {
          next: (result) => {
            isTelling = true
            sink.next(result as Parameters<typeof sink.next>[0])
            isTelling = false
          },
          error: (error) => sink.end(toEnding(error)),
          complete: () => sink.end({ kind: 'completed' }),
        },
      )
      return () => {
        clearTimeout(deadline)
        for (const release of releases) release()
        // graphql-ws counts twice what is left while it is told, when the server's `complete` came along with it; it
        // would never close the socket then.
        if (isTelling) setTimeout(unsubscribe)
        else unsubscribe()
      }
    },
    test: () => testSocket(url, (webSocketImpl ?? WebSocket) as typeof WebSocket),
    close: async () => {
      stopExpectingPong()
      // To dispose of a socket that is not there yet would mean to wait for it.
      if (socket) await client.dispose()
      else client.terminate()
    },
  }
}

function testSocket(url: string, Implementation: typeof WebSocket): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new Implementation(url, GRAPHQL_TRANSPORT_WS_PROTOCOL)
    const settle = (isAcknowledged: boolean): void => {
      clearTimeout(deadline)
      resolve(isAcknowledged)
      socket.close(NORMAL_CLOSURE)
    }
    const deadline = setTimeout(() => settle(false), CONNECT_TIMEOUT_MS)
    socket.onopen = () => socket.send('{"type":"connection_init"}')
    socket.onmessage = ({ data }) => settle(String(data).includes('connection_ack'))
    socket.onclose = () => settle(false)
    socket.onerror = () => settle(false)
  })
}
