import type { FormattedExecutionResult } from 'graphql-ws/client'
import pLimit from 'p-limit'
import { connectionLost, type Ending, isConnectionLost } from './ending.ts'
import { parseResponse, postOperation, readFailure } from './request.ts'
import { createTimeoutSignal } from './timeout-signal.ts'
import type { HttpTransportOptions, Operation, Sink, Transport } from './transport.ts'

/** A browser opens six connections per host: polls use two of them. */
const MAX_CONCURRENT_POLLS = 2
/** How long the server waits for updates before it responds, in seconds. */
const WAIT_SECONDS = 1
/** Between a response and the next poll of the same subscription, in milliseconds. */
const PAUSE_MS = 1_500
const TIMEOUT_MS = 10_000
/** The server's limit of results per response. A full response is followed by the next poll at once. */
const MAX_RESULTS = 100

/** Subscriptions as a series of short responses. Each ends with `resubscribe`, so that the next one starts at the cursor. */
export function createPollingTransport(options: HttpTransportOptions): Transport {
  const limit = pLimit(MAX_CONCURRENT_POLLS)
  return {
    subscribe: (operation, sink) => {
      const unsubscribe = new AbortController()
      let timer: ReturnType<typeof setTimeout> | undefined
      void limit(() => poll(operation, sink, { ...options, signal: unsubscribe.signal })).then(
        ({ ending, pauseMs }) => {
          if (!unsubscribe.signal.aborted) timer = setTimeout(() => sink.end(ending), pauseMs)
        },
      )
      return () => {
        clearTimeout(timer)
        unsubscribe.abort()
      }
    },
  }
}

/** Polls once. Returns how the poll ended, and how long to wait before reporting that. */
async function poll<Data>(
  operation: Operation,
  sink: Sink<Data>,
  { url, fetch, signal, onState }: HttpTransportOptions & { signal: AbortSignal },
): Promise<{ ending: Ending; pauseMs: number }> {
  const timeout = createTimeoutSignal(signal, TIMEOUT_MS)
  let ending: Ending = connectionLost('no answer')
  try {
    const headers = { accept: 'application/json', prefer: `wait=${WAIT_SECONDS}` }
    const response = await postOperation(operation, { url, fetch, headers, signal: timeout.signal })
    const text = await response.text()
    const results: unknown = parseResponse(text)
    if (Array.isArray(results)) {
      onState('online')
      sink.started()
      const isComplete = (results.at(-1) as { hasNext?: boolean } | undefined)?.hasNext === false
      for (const result of isComplete ? results.slice(0, -1) : results)
        sink.next(result as FormattedExecutionResult<Data>)
      if (isComplete) return { ending: { kind: 'completed' }, pauseMs: 0 }
      return { ending: { kind: 'resubscribe' }, pauseMs: results.length < MAX_RESULTS ? PAUSE_MS : 0 }
    }
    ending = readFailure(response.status, text)
  } catch {
    // No response: `ending` already says so.
  } finally {
    timeout.dispose()
  }
  if (isConnectionLost(ending) && !signal.aborted) onState('offline')
  return { ending, pauseMs: 0 }
}
