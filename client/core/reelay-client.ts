import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core'
import {
  WatchFeedDocument,
  type WatchFeedSubscription,
  WatchJobDocument,
  type WatchJobSubscription,
} from '../../operations/generated/graphql.ts'
import { type ConnectionListener, createConnection, type ReelayClientOptions } from './connection.ts'
import { sendRequest } from './request.ts'
import { type ResumableUpdate, watchFeed, watchJob } from './watch.ts'

export type { ConnectionListener, ReelayClientOptions } from './connection.ts'
export { ReelayRequestError, type ResponseError, WatchError } from './errors.ts'
export type { ConnectionState, Via } from './transport.ts'

/** A typed document of GraphQL Code Generator in `documentMode: 'string'`. */
export type Document<Data, Variables> = DocumentTypeDecoration<Data, Variables> & { toString(): string }

export type JobProgressUpdate = WatchJobSubscription['jobProgress']
export type FeedUpdate = WatchFeedSubscription['jobFeed']

export type JobEvent<Update = JobProgressUpdate> =
  | { kind: 'update'; update: Update }
  /**
   * The server has removed `missed` updates between the last one and the next one. 0 means an unknown number, after the
   * server's update log was replaced: the next update then has the current state and all log lines.
   */
  | { kind: 'gap'; missed: number }

export type FeedEvent<Update = FeedUpdate> =
  | { kind: 'update'; update: Update }
  /** Updates may have been missed: read the list of jobs again. */
  | { kind: 'gap' }

export interface WatchJobOptions<Update = JobProgressUpdate> {
  /** Start after this cursor; by default, start with the current state. */
  after?: string | null
  signal?: AbortSignal
  /** A custom subscription to `jobProgress`. Must select `cursor` and `status`, and `missed` to report gaps. */
  document?: Document<{ jobProgress: Update }, { id: string; after?: string | null }>
  /** Called with a reason, in plain English, before each retry. */
  onRetry?: (reason: string) => void
}

export interface WatchFeedOptions<Update = FeedUpdate> {
  signal?: AbortSignal
  /** A custom subscription to `jobFeed`. */
  document?: Document<{ jobFeed: Update }, Record<string, never>>
  onRetry?: (reason: string) => void
}

/**
 * A client of one server, or of several behind one address. All watches share a WebSocket, which is open while there
 * are any. Where proxies block WebSockets, watches fall back to server-sent events, and then to polling.
 */
export interface ReelayClient {
  /**
   * Sends a query or a mutation over HTTP, as a multipart request when variables are Blobs. Never retries.
   * @throws ReelayRequestError; `signal.reason` on abort
   */
  request<Data, Variables>(
    document: Document<Data, Variables>,
    variables: Variables,
    options?: { signal?: AbortSignal },
  ): Promise<Data>
  /**
   * Yields a job's updates in order, each exactly once, across reconnects, restarts and instances. Ends after the
   * terminal update, at once when `after` is the cursor of that update, when `signal` aborts, or on `close`. Buffers up
   * to 1000 unread updates and loses none.
   * @throws WatchError when retrying cannot help
   */
  watchJob<Update extends ResumableUpdate = JobProgressUpdate>(
    jobId: string,
    options?: WatchJobOptions<Update>,
  ): AsyncIterable<JobEvent<Update>>
  /**
   * Yields the updates of all jobs from now on, and a gap after each reconnect. Ends when `signal` aborts, or on `close`.
   * @throws WatchError when retrying cannot help
   */
  watchFeed<Update = FeedUpdate>(options?: WatchFeedOptions<Update>): AsyncIterable<FeedEvent<Update>>
  /**
   * Calls the listener with the connection's state and transport, now and on every change. The state is also `offline`
   * while nothing is watched.
   * @returns a function that removes the listener
   */
  onConnection(listener: ConnectionListener): () => void
  /** Ends all watches and closes the connection. */
  close(): Promise<void>
}

export function createReelayClient(options: ReelayClientOptions): ReelayClient {
  const { webSocketImpl, fetch = globalThis.fetch, random = Math.random } = options
  const { keepAliveMs = 10_000, webSocketRetryMs = 120_000 } = options
  const url = toAbsolute(options.url)
  const connection = createConnection({ url, fetch, webSocketImpl, random, keepAliveMs, webSocketRetryMs })
  const deps = { connection, random }
  const closing = new AbortController()

  return {
    request: (document, variables, { signal } = {}) =>
      sendRequest({ url, fetch, query: document.toString(), variables, signal }),
    watchJob: (jobId, { after = null, signal, document, onRetry } = {}) => {
      const query = (document ?? WatchJobDocument).toString()
      return toIterable([closing.signal, signal], (ended) =>
        watchJob(deps, { query, jobId, after, signal: ended, onRetry }),
      )
    },
    watchFeed: ({ signal, document, onRetry } = {}) => {
      const query = (document ?? WatchFeedDocument).toString()
      return toIterable([closing.signal, signal], (ended) => watchFeed(deps, { query, signal: ended, onRetry }))
    },
    onConnection: connection.onState,
    close: async () => {
      closing.abort()
      await connection.close()
    },
  }
}

/** Starts one generator per loop. `return` aborts it first: a bare generator's `return` would wait for a pending `next`. */
function toIterable<Event>(
  signals: readonly (AbortSignal | undefined)[],
  start: (signal: AbortSignal) => AsyncGenerator<Event>,
): AsyncIterable<Event> {
  return {
    [Symbol.asyncIterator]: () => {
      // `AbortSignal.any` is newer than the supported browsers.
      const ended = new AbortController()
      const end = (): void => ended.abort()
      for (const signal of signals)
        if (signal?.aborted) end()
        else signal?.addEventListener('abort', end, { signal: ended.signal })
      async function* run(): AsyncGenerator<Event> {
        try {
          yield* start(ended.signal)
        } finally {
          end()
        }
      }
      const generator = run()
      return {
        next: () => generator.next(),
        return: () => {
          end()
          return generator.return(undefined)
        },
      }
    },
  }
}

function toAbsolute(url: string): string {
  const { location } = globalThis as { location?: { href: string } }
  return new URL(url, location?.href).href
}
