import type { FormattedExecutionResult } from 'graphql-ws/client'
import type { Ending } from './ending.ts'

/** How updates arrive: over a WebSocket; where proxies block those, as server-sent events; otherwise by polling. */
export type Via = 'websocket' | 'event-stream' | 'polling'

export type ConnectionState = 'online' | 'connecting' | 'offline'

export interface Operation {
  query: string
  variables: Record<string, unknown>
}

/** Receives the results of one subscription. `end` is the last call. */
export interface Sink<Data> {
  /** The server has started the subscription: every later update is delivered. */
  started(): void
  next(result: FormattedExecutionResult<Data>): void
  end(ending: Ending): void
}

export interface Transport {
  /** Starts a subscription and returns its unsubscribe function. */
  subscribe<Data>(operation: Operation, sink: Sink<Data>): () => void
}

export interface TransportEvents {
  onState(state: ConnectionState): void
  /** An attempt failed before a subscription started; the cause may be the server or a proxy. */
  onFailed(): void
  /** Data got through: no proxy blocks this transport. */
  onUsable(): void
  /** The connection has lasted for a while: earlier failures no longer count. */
  onHealthy(): void
}

export interface HttpTransportOptions extends TransportEvents {
  url: string
  fetch: typeof fetch
}
