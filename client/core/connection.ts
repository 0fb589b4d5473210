import { createBackoff, findWindow } from './backoff.ts'
import { createEventStreamTransport } from './event-stream.ts'
import { createPollingTransport } from './polling.ts'
import { sendRequest } from './request.ts'
import { createTimeoutSignal } from './timeout-signal.ts'
import type { ConnectionState, Operation, Sink, TransportEvents, Via } from './transport.ts'
import { createWebSocketTransport } from './websocket.ts'

export interface ReelayClientOptions {
  /** http(s) URL of /graphql; may be relative in a page. The WebSocket URL is derived from it. */
  url: string
  /** A WebSocket class; the platform's by default. */
  webSocketImpl?: unknown
  fetch?: typeof fetch
  /** Returns 0 to 1, for the back-off; Math.random by default. */
  random?: () => number
  /** Sends a ping after this many milliseconds of silence; 10,000 by default. */
  keepAliveMs?: number
  /** How long to use a fallback transport before trying a WebSocket again, in milliseconds; 120,000 by default. */
  webSocketRetryMs?: number
}

export type ConnectionListener = (state: ConnectionState, via: Via) => void

export type Connection = ReturnType<typeof createConnection>

const FALLBACKS: Record<Via, Via> = { websocket: 'event-stream', 'event-stream': 'polling', polling: 'polling' }
/** A server that does not answer a plain request in this time is unavailable, in milliseconds. */
const PROBE_TIMEOUT_MS = 5_000

/** The connection of all watches: a WebSocket, or the next best transport that the proxies on the path let through. */
export function createConnection(options: Required<ReelayClientOptions>) {
  const { url, fetch, webSocketImpl, random, keepAliveMs, webSocketRetryMs } = options
  const backoff = createBackoff(random)
  const listeners = new Set<ConnectionListener>()
  const closing = new AbortController()
  /** Subscriptions over a fallback transport. */
  const fallbackSinks = new Set<Sink<never>>()
  let state: ConnectionState = 'offline'
  let via: Via = 'websocket'
  /** Whether the server has answered a plain request since the current transport last failed. */
  let isServerReachable = false
  let isProbing = false
  let retryAt = 0
  let retryTimer: ReturnType<typeof setTimeout> | undefined

  function setState(nextState: ConnectionState, nextVia: Via = via): void {
    if (state === nextState && via === nextVia) return
    state = nextState
    via = nextVia
    for (const listener of [...listeners]) listener(nextState, nextVia)
  }

  /** Events count only while their transport is the current one. */
  const eventsOf = (source: Via): TransportEvents => ({
    onState: (next) => {
      if (via === source) setState(next)
    },
    onFailed: () => {
      if (via === source) void considerFallback()
    },
    onUsable: () => {
      if (via === source) isServerReachable = false
    },
    onHealthy: () => {
      if (via === source) backoff.reset()
    },
  })
  const webSocketUrl = url.replace(/^http/, 'ws')
  const webSocket = createWebSocketTransport({
    url: webSocketUrl,
    webSocketImpl,
    keepAliveMs,
    ...eventsOf('websocket'),
  })
  const eventStream = createEventStreamTransport({ url, fetch, ...eventsOf('event-stream') })
  const polling = createPollingTransport({ url, fetch, ...eventsOf('polling') })

  /**
   * Called when the current transport fails to connect. A second failure, after the server has answered a plain
   * request in between, means that a proxy blocks this transport. Otherwise the server itself may be unavailable.
   */
  async function considerFallback(): Promise<void> {
    if (isServerReachable) {
      isServerReachable = false
      retryAt = performance.now() + webSocketRetryMs
      setState('offline', FALLBACKS[via])
      return
    }
    if (isProbing) return
    isProbing = true
    const failed = via
    const isReachable = await probeServer()
    isProbing = false
    if (via === failed) isServerReachable = isReachable
  }

  async function probeServer(): Promise<boolean> {
    const timeout = createTimeoutSignal(closing.signal, PROBE_TIMEOUT_MS)
    try {
      await sendRequest({ url, fetch, query: '{ __typename }', variables: {}, signal: timeout.signal })
      return true
    } catch {
      // No failure of the probe is a reason to change the transport.
      return false
    } finally {
      timeout.dispose()
    }
  }

  /** Returns to the WebSocket once one can be opened. Subscriptions move over with their newest cursors. */
  async function probeWebSocket(): Promise<void> {
    if (isProbing || fallbackSinks.size === 0) return
    isProbing = true
    const isOpen = await webSocket.probe().catch(() => false)
    isProbing = false
    retryAt = performance.now() + webSocketRetryMs
    if (closing.signal.aborted) return
    if (!isOpen) return scheduleProbe()
    setState('offline', 'websocket')
    for (const sink of [...fallbackSinks]) sink.end({ kind: 'resubscribe' })
  }

  function scheduleProbe(): void {
    clearTimeout(retryTimer)
    if (fallbackSinks.size > 0) retryTimer = setTimeout(probeWebSocket, Math.max(0, retryAt - performance.now()))
  }

  function subscribeOverFallback<Data>(operation: Operation, sink: Sink<Data>): () => void {
    const transport = via === 'event-stream' && eventStream.hasCapacity() ? eventStream : polling
    fallbackSinks.add(sink)
    if (fallbackSinks.size === 1) scheduleProbe()
    if (state === 'offline') setState('connecting')
    const unsubscribe = transport.subscribe(operation, sink)
    return () => {
      unsubscribe()
      fallbackSinks.delete(sink)
      // A watch that resubscribes with a newer cursor does so synchronously, before this timer.
      if (fallbackSinks.size === 0) setTimeout(goOfflineIfIdle)
    }
  }

  /** Mirrors the WebSocket, which closes after the last subscription. */
  function goOfflineIfIdle(): void {
    if (fallbackSinks.size > 0) return
    clearTimeout(retryTimer)
    if (via !== 'websocket') setState('offline')
  }

  /** The browser may have joined a network without the blocking proxy. */
  const onOnline = (): void => {
    if (via !== 'websocket') void probeWebSocket()
  }
  findWindow()?.addEventListener('online', onOnline, { signal: closing.signal })

  return {
    /** Shared by all subscriptions that lost the connection. */
    backoff,
    subscribe: <Data>(operation: Operation, sink: Sink<Data>): (() => void) =>
      via === 'websocket' ? webSocket.subscribe(operation, sink) : subscribeOverFallback(operation, sink),
    onState: (listener: ConnectionListener): (() => void) => {
      listeners.add(listener)
      listener(state, via)
      return () => listeners.delete(listener)
    },
    close: async (): Promise<void> => {
      closing.abort()
      clearTimeout(retryTimer)
      await webSocket.close()
    },
  }
}
