import type { FormattedExecutionResult } from 'graphql-ws/client'
import pLimit from 'p-limit'
import { createDeadline } from './deadline.ts'
import type { Ending } from './ending.ts'
import { isOfLine, postOperation, toRefusal } from './post.ts'
import { parseAnswer } from './request.ts'
import type { LineEvents, Operation, Sink, Transport } from './transport.ts'

export interface PollingOptions extends Pick<LineEvents, 'onState'> {
  url: string
  fetch: typeof fetch
}

/** So many requests wait for news at a time: a browser has six connections to a host. */
const AT_ONCE = 2
/** How long the server collects what comes, in seconds. */
const WAIT_SECONDS = 1
/** From one answer to the next request of the same subscription, in milliseconds. */
const PAUSE_MS = 1_500
/** A request that was not answered by then is given up, in milliseconds. */
const TIMEOUT_MS = 10_000
/** The server sends no more results in one answer: the rest is fetched without a pause. */
const FULL_ANSWER = 100

/** Subscriptions in short answers, each of them over like a stream that was cut: the next one begins at the cursor. */
export function createPollingTransport(options: PollingOptions): Transport {
  const limit = pLimit(AT_ONCE)
  return {
    subscribe: (operation, sink) => {
      const leaving = new AbortController()
      let pausing: ReturnType<typeof setTimeout> | undefined
      void limit(() => poll(operation, sink, { ...options, signal: leaving.signal })).then(({ ending, pauseMs }) => {
        if (!leaving.signal.aborted) pausing = setTimeout(() => sink.end(ending), pauseMs)
      })
      return () => {
        clearTimeout(pausing)
        leaving.abort()
      }
    },
  }
}

/** Asks once. Answers how it ended, and how long that is to be kept back. */
async function poll<Data>(
  operation: Operation,
  sink: Sink<Data>,
  { url, fetch, signal, onState }: PollingOptions & { signal: AbortSignal },
): Promise<{ ending: Ending; pauseMs: number }> {
  const deadline = createDeadline(signal)
  deadline.set(TIMEOUT_MS)
  let ending: Ending = { kind: 'again', of: 'socket', reason: 'no answer' }
  try {
    const headers = { accept: 'application/json', prefer: `wait=${WAIT_SECONDS}` }
    const response = await postOperation(operation, { url, fetch, headers, signal: deadline.signal })
    const text = await response.text()
    const results: unknown = parseAnswer(text)
    if (Array.isArray(results)) {
      onState('online')
      sink.stand()
      const isComplete = (results.at(-1) as { hasNext?: boolean } | undefined)?.hasNext === false
      for (const result of isComplete ? results.slice(0, -1) : results)
        sink.next(result as FormattedExecutionResult<Data>)
      if (isComplete) return { ending: { kind: 'completed' }, pauseMs: 0 }
      return { ending: { kind: 'moved' }, pauseMs: results.length < FULL_ANSWER ? PAUSE_MS : 0 }
    }
    ending = toRefusal(response.status, text)
  } catch {
    // Nobody answered.
  } finally {
    deadline.end()
  }
  if (isOfLine(ending) && !signal.aborted) onState('offline')
  return { ending, pauseMs: 0 }
}
