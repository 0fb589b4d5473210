import { type Backoff, createBackoff, findWindow } from './backoff.ts'
import { createDeadline } from './deadline.ts'
import { createEventStreamTransport } from './event-stream.ts'
import { createPollingTransport } from './polling.ts'
import { sendRequest } from './request.ts'
import type { ConnectionState, LineEvents, Sink, Transport, Via } from './transport.ts'
import { createWebSocketTransport } from './websocket.ts'

export interface ConnectionOptions {
  /** http: or https: */
  url: string
  fetch: typeof fetch
  webSocketImpl: unknown
  random: () => number
  keepAliveMs: number
  /** How long another way is kept before a socket is tried again, in milliseconds. */
  webSocketRetryMs: number
}

export type ConnectionListener = (state: ConnectionState, via: Via) => void

/** The line of all watches: by a WebSocket, or by the next best way that the proxies in between let pass. */
export interface Connection extends Transport {
  /** Common to all who lost the line. */
  backoff: Backoff
  onState(listener: ConnectionListener): () => void
  close(): Promise<void>
}

const NEXT: Record<Via, Via> = { websocket: 'event-stream', 'event-stream': 'polling', polling: 'polling' }
/** A server that does not answer a plain request by then is away, in milliseconds. */
const ANSWER_MS = 5_000

export function createConnection(options: ConnectionOptions): Connection {
  const { url, fetch, webSocketImpl, random, keepAliveMs, webSocketRetryMs } = options
  const backoff = createBackoff({ random })
  const listeners = new Set<ConnectionListener>()
  const closing = new AbortController()
  /** Subscriptions by other ways than the socket. */
  const detours = new Set<Sink<never>>()
  let state: ConnectionState = 'offline'
  let via: Via = 'websocket'
  /** Whether the server answered a plain request since the way in use last failed. */
  let isAnswered = false
  let isTesting = false
  let retryAt = 0
  let retryTimer: ReturnType<typeof setTimeout> | undefined

  function turn(next: ConnectionState, nextVia: Via = via): void {
    if (state === next && via === nextVia) return
    state = next
    via = nextVia
    for (const listener of [...listeners]) listener(next, nextVia)
  }

  /** What a transport reports counts as long as it is the one in use. */
  const reportsOf = (way: Via): LineEvents => ({
    onState: (next) => {
      if (via === way) turn(next)
    },
    onFailed: () => {
      if (via === way) void doubt()
    },
    onWorks: () => {
      if (via === way) isAnswered = false
    },
    onHealthy: () => {
      if (via === way) backoff.reset()
    },
  })
  const webSocketUrl = url.replace(/^http/, 'ws')
  const webSocket = createWebSocketTransport({
    ...{ url: webSocketUrl, webSocketImpl, keepAliveMs },
    ...reportsOf('websocket'),
  })
  const eventStream = createEventStreamTransport({ url, fetch, ...reportsOf('event-stream') })
  const polling = createPollingTransport({ url, fetch, ...reportsOf('polling') })

  /**
   * The way in use did not come to stand. If it fails once more after the server has answered a plain request, the
   * server is there and something in between is in the way; otherwise the server may only have been away.
   */
  async function doubt(): Promise<void> {
    if (isAnswered) {
      isAnswered = false
      retryAt = performance.now() + webSocketRetryMs
      turn('offline', NEXT[via])
      return
    }
    if (isTesting) return
    isTesting = true
    const doubted = via
    const isThere = await isServerThere()
    isTesting = false
    if (via === doubted) isAnswered = isThere
  }

  async function isServerThere(): Promise<boolean> {
    const deadline = createDeadline(closing.signal)
    deadline.set(ANSWER_MS)
    try {
      await sendRequest({ url, fetch, query: '{ __typename }', variables: {}, signal: deadline.signal })
      return true
    } catch {
      // Whatever it is, it is no reason to take another way.
      return false
    } finally {
      deadline.end()
    }
  }

  /** Goes back to the socket once one can be opened again. Everybody comes along with the cursor that they have. */
  async function tryWebSocket(): Promise<void> {
    if (isTesting || detours.size === 0) return
    isTesting = true
    const isOpen = await webSocket.test().catch(() => false)
    isTesting = false
    retryAt = performance.now() + webSocketRetryMs
    if (closing.signal.aborted) return
    if (!isOpen) return scheduleRetry()
    turn('offline', 'websocket')
    for (const sink of [...detours]) sink.end({ kind: 'moved' })
  }

  function scheduleRetry(): void {
    clearTimeout(retryTimer)
    if (detours.size > 0) retryTimer = setTimeout(tryWebSocket, Math.max(0, retryAt - performance.now()))
  }

  function subscribeByDetour<Data>(operation: Parameters<Transport['subscribe']>[0], sink: Sink<Data>): () => void {
    const transport = via === 'event-stream' && eventStream.hasRoom() ? eventStream : polling
    detours.add(sink)
    if (detours.size === 1) scheduleRetry()
    if (state === 'offline') turn('connecting')
    const leave = transport.subscribe(operation, sink)
    return () => {
      leave()
      detours.delete(sink)
      // Whoever comes back with a newer cursor does so at once.
      if (detours.size === 0) setTimeout(rest)
    }
  }

  /** As a socket is closed when nobody subscribes any more. */
  function rest(): void {
    if (detours.size > 0) return
    clearTimeout(retryTimer)
    if (via !== 'websocket') turn('offline')
  }

  /** The network may be another one. */
  const reconsider = (): void => {
    if (via !== 'websocket') void tryWebSocket()
  }
  findWindow()?.addEventListener('online', reconsider, { signal: closing.signal })

  return {
    backoff,
    subscribe: (operation, sink) =>
      via === 'websocket' ? webSocket.subscribe(operation, sink) : subscribeByDetour(operation, sink),
    onState: (listener) => {
      listeners.add(listener)
      listener(state, via)
      return () => listeners.delete(listener)
    },
    close: async () => {
      closing.abort()
      clearTimeout(retryTimer)
      await webSocket.close()
    },
  }
}
