import { createParser } from 'eventsource-parser'
import { createDeadline } from './deadline.ts'
import type { Ending } from './ending.ts'
import { isOfLine, postOperation, toRefusal } from './post.ts'
import type { LineEvents, Operation, Sink, Transport } from './transport.ts'

export interface EventStreamOptions extends LineEvents {
  url: string
  fetch: typeof fetch
}

export interface EventStreamTransport extends Transport {
  /** Whether another stream may be opened. */
  hasRoom(): boolean
}

/**
 * Browsers open six connections to a host over HTTP/1.1, for all tabs together, and a stream keeps one: the feed and
 * one job of two tabs leave two for everything else.
 */
const MAX_STREAMS = 2
/** The server sends a comment as soon as it has begun: a stream without it is held back on its way, in milliseconds. */
const FIRST_BYTE_MS = 4_000
/** The server sends a comment every 12 s: a stream without any is dead, or held back, in milliseconds. */
const SILENCE_MS = 30_000

/** A stream of server-sent events for each subscription: the "distinct connections mode" of graphql-sse. */
export function createEventStreamTransport(options: EventStreamOptions): EventStreamTransport {
  let open = 0
  return {
    hasRoom: () => open < MAX_STREAMS,
    subscribe: (operation, sink) => {
      const leaving = new AbortController()
      open++
      void readStream(operation, sink, { ...options, signal: leaving.signal }).then((ending) => {
        open--
        if (leaving.signal.aborted) return
        if (isOfLine(ending)) options.onState('offline')
        sink.end(ending)
      })
      return () => leaving.abort()
    },
  }
}

async function readStream<Data>(
  operation: Operation,
  sink: Sink<Data>,
  { url, fetch, signal, onState, onFailed, onWorks, onHealthy }: EventStreamOptions & { signal: AbortSignal },
): Promise<Ending> {
  const deadline = createDeadline(signal)
  let ending: Ending = { kind: 'again', of: 'socket', reason: 'the stream was cut' }
  let chunks = 0
  try {
    deadline.set(FIRST_BYTE_MS)
    const headers = { accept: 'text/event-stream' }
    const response = await postOperation(operation, { url, fetch, headers, signal: deadline.signal })
    if (!response.headers.get('content-type')?.startsWith('text/event-stream') || !response.body) {
      ending = toRefusal(response.status, await response.text())
      if (isOfLine(ending)) onFailed()
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
      deadline.set(SILENCE_MS)
      onState('online')
      // The first may be all that comes: a proxy can pass it on and hold back the rest.
      if (chunks++ > 0) {
        onWorks()
        onHealthy()
      }
      sink.stand()
      parser.feed(decoder.decode(read.value, { stream: true }))
    }
    return ending
  } catch {
    if (signal.aborted) return { kind: 'aborted' }
    const isSilent = deadline.signal.aborted
    if (isSilent || chunks === 0) onFailed()
    return isSilent ? { kind: 'again', of: 'socket', reason: 'the stream is silent' } : ending
  } finally {
    deadline.end()
  }
}
