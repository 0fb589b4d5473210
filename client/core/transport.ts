import type { FormattedExecutionResult } from 'graphql-ws/client'
import type { Ending } from './ending.ts'

/** How updates come: by a WebSocket, or, where proxies let none through, by server-sent events, or else by polling. */
export type Via = 'websocket' | 'event-stream' | 'polling'

export type ConnectionState = 'online' | 'connecting' | 'offline'

export interface Operation {
  query: string
  variables: Record<string, unknown>
}

/** What one subscription brings. Nothing follows `end`. */
export interface Sink<Data> {
  /** The server has begun: what happens from now on is reported. */
  stand(): void
  next(result: FormattedExecutionResult<Data>): void
  end(ending: Ending): void
}

/** A way for subscriptions to reach the server. */
export interface Transport {
  /** Starts a subscription, and returns what leaves it. */
  subscribe<Data>(operation: Operation, sink: Sink<Data>): () => void
}

/** What a transport reports of the line. */
export interface LineEvents {
  onState(state: ConnectionState): void
  /** An attempt never came to stand, whether the server or a proxy is to blame. */
  onFailed(): void
  /** What was sent came through: this way is open. */
  onWorks(): void
  /** The line has stood for a while: whatever broke before is over. */
  onHealthy(): void
}
