import { createClient, type FormattedExecutionResult, GRAPHQL_TRANSPORT_WS_PROTOCOL } from 'graphql-ws/client'
import { toEnding } from './ending.ts'
import type { Operation, Sink, TransportEvents } from './transport.ts'

interface WebSocketOptions extends TransportEvents {
  /** ws: or wss: */
  url: string
  webSocketImpl: unknown
  /** Sends a ping after this many milliseconds of silence. */
  keepAliveMs: number
}

/** How long a pong may take, as a share of `keepAliveMs`. */
const PONG_SHARE = 0.5
/** The acknowledgement timeout, in milliseconds. Two attempts time out before the next transport is tried. */
const CONNECT_TIMEOUT_MS = 5_000
/** `WebSocket.OPEN`: the WebSocket class may be absent. */
const OPEN = 1
/** The client closed the socket after the last subscription. */
const NORMAL_CLOSURE = 1000

/** One socket for all subscriptions: opened for the first, closed after the last. */
export function createWebSocketTransport(options: WebSocketOptions) {
  const { url, webSocketImpl, keepAliveMs, onState, onFailed, onUsable, onHealthy } = options
  let socket: { readyState?: unknown } | null = null
  let pongTimer: ReturnType<typeof setTimeout> | undefined

  const client = createClient({
    url,
    webSocketImpl,
    // graphql-ws would retry with the first cursor instead of the newest.
    retryAttempts: 0,
    keepAlive: keepAliveMs,
    on: {
      connecting: () => onState('connecting'),
      connected: (opened) => {
        socket = opened as { readyState?: unknown }
        onState('online')
        onUsable()
      },
      ping: (received) => {
        if (!received) expectPong()
      },
      pong: (received) => {
        if (!received) return
        stopExpectingPong()
        onHealthy()
      },
      // On a slow connection the pong queues behind other messages. Wait for it: graphql-ws sends no ping before it.
      message: () => {
        if (pongTimer !== undefined) expectPong()
      },
      closed: (event) => {
        const isFailed = socket === null && (event as { code?: unknown }).code !== NORMAL_CLOSURE
        disconnected()
        if (isFailed) onFailed()
      },
      error: disconnected,
    },
  })

  function expectPong(): void {
    clearTimeout(pongTimer)
    pongTimer = setTimeout(() => client.terminate(), keepAliveMs * PONG_SHARE)
  }

  function stopExpectingPong(): void {
    clearTimeout(pongTimer)
    pongTimer = undefined
  }

  function disconnected(): void {
    stopExpectingPong()
    socket = null
    onState('offline')
  }

  return {
    subscribe: <Data>(operation: Operation, sink: Sink<Data>): (() => void) => {
      let isDelivering = false
      const timer = setTimeout(() => client.terminate(), CONNECT_TIMEOUT_MS)
      const start = (): void => {
        clearTimeout(timer)
        sink.started()
      }
      const releases = [
        client.on('connected', start),
        // After close code 1000 graphql-ws would resubscribe by itself, with the first cursor.
        client.on('closed', (event) => sink.end(toEnding(event))),
      ]
      if (socket?.readyState === OPEN) start()
      const unsubscribe = client.subscribe(
        { ...operation },
        {
          next: (result) => {
            isDelivering = true
            sink.next(result as FormattedExecutionResult<Data>)
            isDelivering = false
          },
          error: (error) => sink.end(toEnding(error)),
          complete: () => sink.end({ kind: 'completed' }),
        },
      )
      return () => {
        clearTimeout(timer)
        for (const release of releases) release()
        // Unsubscribing within `next`, with the server's `complete` already received, makes graphql-ws count the end
        // twice: it would never close the socket.
        if (isDelivering) setTimeout(unsubscribe)
        else unsubscribe()
      }
    },
    probe: () => probeSocket(url, (webSocketImpl ?? WebSocket) as typeof WebSocket),
    close: async (): Promise<void> => {
      stopExpectingPong()
      // `dispose` would wait for a socket that is still connecting.
      if (socket) await client.dispose()
      else client.terminate()
    },
  }
}

/** Opens and closes a socket of its own. Resolves to whether the server acknowledged it. */
function probeSocket(url: string, Implementation: typeof WebSocket): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new Implementation(url, GRAPHQL_TRANSPORT_WS_PROTOCOL)
    const settle = (isAcknowledged: boolean): void => {
      clearTimeout(timer)
      resolve(isAcknowledged)
      socket.close(NORMAL_CLOSURE)
    }
    const timer = setTimeout(() => settle(false), CONNECT_TIMEOUT_MS)
    socket.onopen = () => socket.send('{"type":"connection_init"}')
    socket.onmessage = ({ data }) => settle(String(data).includes('connection_ack'))
    socket.onclose = () => settle(false)
    socket.onerror = () => settle(false)
  })
}
