import { processRegularResult, type Plugin as YogaPlugin } from 'graphql-yoga'

/** RFC 7240: `Prefer: wait=1`, in seconds. */
const WAIT = /(?:^|[\s,;])wait\s*=\s*"?(\d+)"?(?=$|[\s,;])/i
/** A proxy gives up on a silent server after 30 s at the earliest. */
const MAX_WAIT_SECONDS = 20
/** Results of one answer: they are all in memory before the first one leaves. */
const MAX_RESULTS = 100

type Results = AsyncIterable<object>

/**
 * Answers a subscription that was sent with `Prefer: wait=N` and does not accept an event stream: with a list of what
 * came within N seconds, for clients whose proxies hold streams back. `{"hasNext":false}` ends the list of a
 * subscription that is complete; otherwise the client asks again with its newest cursor.
 */
export function answerPolls(): YogaPlugin {
  return {
    onResultProcess: ({ request, result, setResultProcessor }) => {
      const seconds = WAIT.exec(request.headers.get('prefer') ?? '')?.[1]
      if (seconds === undefined || !isResults(result) || !/json/i.test(request.headers.get('accept') ?? '')) return
      const waitMs = Math.min(Number(seconds), MAX_WAIT_SECONDS) * 1000
      const signal = AbortSignal.any([request.signal, AbortSignal.timeout(waitMs)])
      setResultProcessor(async (_results, fetchAPI) => {
        const response = processRegularResult(await collect(result, signal), fetchAPI, 'application/json')
        response.headers.set('cache-control', 'no-store')
        return response
      }, 'application/json')
    },
  }
}

async function collect(results: Results, signal: AbortSignal): Promise<object[]> {
  const iterator = results[Symbol.asyncIterator]()
  const over = new Promise<null>((resolve) => signal.addEventListener('abort', () => resolve(null), { once: true }))
  const collected: object[] = []
  try {
    while (collected.length < MAX_RESULTS) {
      const next = await Promise.race([iterator.next(), over])
      if (next === null) break
      if (next.done) return [...collected, { hasNext: false }]
      collected.push(next.value)
    }
    return collected
  } finally {
    // What came too late is dropped: it comes again after the cursor of the last result.
    await iterator.return?.()
  }
}

function isResults(result: unknown): result is Results {
  return typeof result === 'object' && result !== null && Symbol.asyncIterator in result
}
