import { addAbortListener } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { isAsyncIterable, processRegularResult, type Plugin as YogaPlugin } from 'graphql-yoga'
import type { RequestContext } from './request-parser.ts'

/** RFC 7240: `Prefer: wait=1`, in seconds. */
const WAIT = /(?:^|[\s,;])wait\s*=\s*"?(\d+)"?(?=$|[\s,;])/i
/** The shortest idle timeout of common proxies is 30 s. */
const MAX_WAIT_SECONDS = 20
/** Limits of one response, whose results are all in memory before the first is sent. */
const MAX_RESULTS = 100
const MAX_CHARACTERS = 500_000

const JSON_TYPE = 'application/json'

/**
 * Answers a subscription with `Prefer: wait=N` and an Accept header for JSON with the list of results within N seconds,
 * for clients behind proxies that buffer streams. A completed subscription ends the list with `{"hasNext":false}`;
 * otherwise the client polls again with its newest cursor.
 */
export function answerLongPolls(): YogaPlugin<object, RequestContext> {
  return {
    onResultProcess: ({ request, result, serverContext, setResultProcessor }) => {
      const seconds = WAIT.exec(request.headers.get('prefer') ?? '')?.[1]
      if (
        seconds === undefined ||
        !isAsyncIterable<object>(result) ||
        !/json/i.test(request.headers.get('accept') ?? '')
      )
        return
      const waitMs = Math.min(Number(seconds), MAX_WAIT_SECONDS) * 1000
      const signal = AbortSignal.any([request.signal, AbortSignal.timeout(waitMs)])
      setResultProcessor(async (_results, fetchAPI) => {
        const collected = await collect(result, signal, async (value) => {
          const text = await processRegularResult(value, fetchAPI, JSON_TYPE).text()
          return serverContext.memory.reserve(2 * text.length) ? text : null
        })
        const headers = { 'content-type': `${JSON_TYPE}; charset=utf-8`, 'cache-control': 'no-store' }
        return new fetchAPI.Response(`[${collected.join(',')}]`, { headers })
      }, JSON_TYPE)
    },
  }
}

/** @param write - resolves to null when there is no memory for the text */
async function collect(
  results: AsyncIterable<object>,
  signal: AbortSignal,
  write: (value: object) => Promise<string | null>,
): Promise<string[]> {
  const iterator = results[Symbol.asyncIterator]()
  const over = Promise.withResolvers<null>()
  // The client may have disconnected while the subscription started.
  using _ = addAbortListener(signal, () => over.resolve(null))
  const collected: string[] = []
  let characters = 0
  try {
    while (collected.length < MAX_RESULTS && characters < MAX_CHARACTERS) {
      const next = await Promise.race([iterator.next(), over.promise])
      if (next === null) break
      const text = await write(next.done ? { hasNext: false } : next.value)
      if (text === null) break
      collected.push(text)
      characters += text.length
      if (next.done) break
      // Stored updates arrive all at once: let other requests run in between.
      await setImmediate()
    }
    return collected
  } finally {
    // A late result, or one beyond the memory budget, is dropped: the next poll delivers it again.
    await iterator.return?.()
  }
}
