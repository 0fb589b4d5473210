import { createParser } from 'eventsource-parser'
import { connectionLost, type Ending, isConnectionLost } from './ending.ts'
import { postOperation, readFailure } from './request.ts'
import { createTimeoutSignal } from './timeout-signal.ts'
import type { HttpTransportOptions, Operation, Sink } from './transport.ts'

/**
 * A stream occupies one of the six connections per host that a browser opens over HTTP/1.1, for all tabs together. The
 * feed and one job in each of two tabs leave two connections for everything else.
 */
const MAX_STREAMS = 2
/** The server opens a stream with a comment: a stream without it is buffered by a proxy, in milliseconds. */
const FIRST_BYTE_MS = 4_000
/** The server sends a comment every 12 s: a stream without any is dead or buffered, in milliseconds. */
const SILENCE_MS = 30_000

/** One stream of server-sent events per subscription: the "distinct connections mode" of graphql-sse. */
export function createEventStreamTransport(options: HttpTransportOptions) {
  let open = 0
  return {
    /** Whether another stream may be opened. */
    hasCapacity: () => open < MAX_STREAMS,
    subscribe: <Data>(operation: Operation, sink: Sink<Data>): (() => void) => {
      const unsubscribe = new AbortController()
      open++
      void readStream(operation, sink, { ...options, signal: unsubscribe.signal }).then((ending) => {
        open--
        if (unsubscribe.signal.aborted) return
        if (isConnectionLost(ending)) options.onState('offline')
        sink.end(ending)
      })
      return () => unsubscribe.abort()
    },
  }
}

async function readStream<Data>(
  operation: Operation,
  sink: Sink<Data>,
  { url, fetch, signal, onState, onFailed, onUsable, onHealthy }: HttpTransportOptions & { signal: AbortSignal },
): Promise<Ending> {
  const timeout = createTimeoutSignal(signal, FIRST_BYTE_MS)
  let ending: Ending = connectionLost('the stream was cut')
  let chunks = 0
  try {
    const headers = { accept: 'text/event-stream' }
    const response = await postOperation(operation, { url, fetch, headers, signal: timeout.signal })
    if (!response.headers.get('content-type')?.startsWith('text/event-stream') || !response.body) {
      ending = readFailure(response.status, await response.text())
      if (isConnectionLost(ending)) onFailed()
      return ending
    }
    const parser = createParser({
      onEvent: ({ event, data }) => {
        if (event === 'next') sink.next(JSON.parse(data))
        if (event === 'complete') ending = { kind: 'completed' }
      },
    })
    const reader = response.body.getReader()
    const decoder = new TextDecoder()
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      timeout.restart(SILENCE_MS)
      onState('online')
      // The first chunk proves nothing: a proxy may pass it on and buffer the rest.
      if (chunks++ > 0) {
        onUsable()
        onHealthy()
      }
      sink.started()
      parser.feed(decoder.decode(read.value, { stream: true }))
    }
    return ending
  } catch {
    if (signal.aborted) return { kind: 'aborted' }
    const isTimedOut = timeout.signal.aborted
    if (isTimedOut || chunks === 0) onFailed()
    return isTimedOut ? connectionLost('the stream is silent') : ending
  } finally {
    timeout.dispose()
  }
}
