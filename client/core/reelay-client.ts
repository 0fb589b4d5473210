import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core'
import {
  WatchFeedDocument,
  type WatchFeedSubscription,
  WatchJobDocument,
  type WatchJobSubscription,
} from '../../operations/generated/graphql.ts'
import { type ConnectionListener, createConnection } from './connection.ts'
import { sendRequest } from './request.ts'
import { type Progress, watchFeed, watchJob } from './watch.ts'

export type { ConnectionListener } from './connection.ts'
export { type AnsweredError, ReelayRequestError, WatchError } from './errors.ts'
export type { ConnectionState, Via } from './transport.ts'

/** A document as the code generator writes it in `documentMode: 'string'`: a string that knows its types. */
export type Document<Data, Variables> = DocumentTypeDecoration<Data, Variables> & { toString(): string }

export interface ReelayClientOptions {
  /** http(s) URL of /graphql; in a page, it may be relative. The socket's URL is made of it. */
  url: string
  /** A WebSocket class; that of the platform unless given. */
  webSocketImpl?: unknown
  fetch?: typeof fetch
  /** 0 to 1, for the back-off. */
  random?: () => number
  /** A socket over which nothing came for so long is asked for a sign of life, in milliseconds; 10,000 unless given. */
  keepAliveMs?: number
  /** How long another way is kept before a socket is tried again, in milliseconds; 120,000 unless given. */
  webSocketRetryMs?: number
}

export type JobProgressUpdate = WatchJobSubscription['jobProgress']
export type FeedUpdate = WatchFeedSubscription['jobFeed']

export type JobEvent<Update = JobProgressUpdate> =
  | { kind: 'update'; update: Update }
  /**
   * So many updates between the last one and the next one are gone: the server has removed them. 0: nobody knows how
   * many, since the server's log is not the one of before; the next update has the state now and all log lines.
   */
  | { kind: 'gap'; missed: number }

export type FeedEvent<Update = FeedUpdate> =
  | { kind: 'update'; update: Update }
  /** Updates may have been missed: read the list again. */
  | { kind: 'gap' }

export interface WatchJobOptions<Update = JobProgressUpdate> {
  /** Only what comes after this cursor; the state now, and all that follows, unless given. */
  after?: string | null
  signal?: AbortSignal
  /** A subscription of your own to `jobProgress`. Its selection must have `cursor` and `status`, and `missed` for gaps. */
  document?: Document<{ jobProgress: Update }, { id: string; after?: string | null }>
  /** Told, in words, each time that the watch has to come back. */
  onRetry?: (reason: string) => void
}

export interface WatchFeedOptions<Update = FeedUpdate> {
  signal?: AbortSignal
  /** A subscription of your own to `jobFeed`. */
  document?: Document<{ jobFeed: Update }, Record<string, never>>
  onRetry?: (reason: string) => void
}

/**
 * A client of one server, or of several behind one address. All watches share a socket, which is there while there are
 * any. Where no socket passes and the server answers nevertheless, they go by server-sent events, or else by polling.
 */
export interface ReelayClient {
  /**
   * Sends a query or a mutation over HTTP; with variables that are Blobs, as a multipart request.
   * @throws ReelayRequestError; `signal.reason` when it was aborted
   */
  request<Data, Variables>(
    document: Document<Data, Variables>,
    variables: Variables,
    options?: { signal?: AbortSignal },
  ): Promise<Data>
  /**
   * The updates of a job, in order and each once, over any number of reconnects, restarts and instances. Ends after the
   * update that ends the job, and without a word when the job had ended at `after`, when `signal` aborts, or at `close`.
   * A reader that does not read costs 1000 updates at most, and misses none.
   * @throws WatchError for what would only happen again
   */
  watchJob<Update extends Progress = JobProgressUpdate>(
    jobId: string,
    options?: WatchJobOptions<Update>,
  ): AsyncIterable<JobEvent<Update>>
  /**
   * The updates of all jobs from now on, and a gap after each reconnect. Ends when `signal` aborts, or at `close`.
   * @throws WatchError for what would only happen again
   */
  watchFeed<Update = FeedUpdate>(options?: WatchFeedOptions<Update>): AsyncIterable<FeedEvent<Update>>
  /**
   * Tells the state of the line, and by which way it goes, at once and whenever they change: `offline` is also said while
   * there is nothing to watch.
   * @returns what ends it
   */
  onConnection(listener: ConnectionListener): () => void
  /** Ends all watches and closes the socket. */
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
    request: <Data, Variables>(
      document: Document<Data, Variables>,
      variables: Variables,
      { signal }: { signal?: AbortSignal } = {},
    ) => sendRequest<Data>({ url, fetch, query: document.toString(), variables, signal }),
    watchJob: <Update extends Progress = JobProgressUpdate>(
      jobId: string,
      { after = null, signal, document, onRetry }: WatchJobOptions<Update> = {},
    ) => {
      const query = (document ?? WatchJobDocument).toString()
      return toIterable([closing.signal, signal], (ended) =>
        watchJob<Update>(deps, { query, jobId, after, signal: ended, onRetry }),
      )
    },
    watchFeed: <Update = FeedUpdate>({ signal, document, onRetry }: WatchFeedOptions<Update> = {}) => {
      const query = (document ?? WatchFeedDocument).toString()
      return toIterable([closing.signal, signal], (ended) => watchFeed<Update>(deps, { query, signal: ended, onRetry }))
    },
    onConnection: connection.onState,
    close: async () => {
      closing.abort()
      await connection.close()
    },
  }
}

/** Begins a generator for each loop over it. A bare generator's `return` would wait for the `next` that is under way. */
function toIterable<Event>(
  signals: readonly (AbortSignal | undefined)[],
  begin: (signal: AbortSignal) => AsyncGenerator<Event>,
): AsyncIterable<Event> {
  return {
    [Symbol.asyncIterator]: () => {
      // As `AbortSignal.any`, which is newer than the browsers that are supported.
      const left = new AbortController()
      const leave = (): void => left.abort()
      for (const signal of signals)
        if (signal?.aborted) leave()
        else signal?.addEventListener('abort', leave, { signal: left.signal })
      const generator = begin(left.signal)
      return {
        next: async () => {
          try {
            const result = await generator.next()
            if (result.done) leave()
            return result
          } catch (error) {
            leave()
            throw error
          }
        },
        return: async () => {
          leave()
          return await generator.return(undefined)
        },
      }
    },
  }
}

function toAbsolute(url: string): string {
  const { location } = globalThis as { location?: { href: string } }
  return new URL(url, location?.href).href
}
