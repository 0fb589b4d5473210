import { FalError } from '../adapters/fal/errors.ts'
import type { Fal, FalStatus } from '../adapters/fal/types.ts'
import { backoffMs, FAL_BACKOFF, pollDelayMs, STATUS_STREAM_BACKOFF, withRetryAfter } from '../backoff.ts'
import { type ClaimContext, ClaimLostError, type RelayDeps } from './claim-context.ts'

export type Completed = Extract<FalStatus, { state: 'COMPLETED' }>

/** What the feed has for its reader. */
export type FeedItem =
  | { kind: 'status'; status: FalStatus; source: 'poll' | 'stream' }
  /** A poll failed. The feed polls again after a pause. */
  | { kind: 'failure'; error: FalError }
  /** The job's row may have changed. The feed polls next. */
  | { kind: 'wake-up' }

/** fal's id of the request, and where it belongs. */
interface FeedRequest {
  endpoint: string
  requestId: string
}

/** What the feed asks its reader between two items. */
interface FeedReader {
  /** How many of the statuses so far had something new: a stream without news is not trusted. */
  countChanges(): number
  /** False while polls are needed, since a stream may be silent for a minute. */
  mayStream(): boolean
}

export interface FeedOptions {
  /** How long a stream may have nothing new before the status is polled, in milliseconds. Default 60,000. */
  quietMs?: number
  /** The pause before a stream is opened again, in milliseconds; longer after each failure. */
  streamDelayMs?(failures: number, random: number): number
}

/** fal begins a stream with the status as it is. A stream that is silent for this long at first is broken, in milliseconds. */
const FIRST_EVENT_MS = 4_000

/** Longest `Retry-After` of a poll and of a stream that is obeyed, in milliseconds. */
const MAX_RETRY_AFTER_MS = 30_000
const MAX_STREAM_RETRY_AFTER_MS = 300_000

/** After this many unreadable responses in a row the status is polled without its log, which may be too long. */
const UNREADABLE_LIMIT = 2
/** Every how many of those polls asks for the log all the same. */
const LOG_AGAIN = 20

/**
 * Yields the statuses of one request until fal reports COMPLETED. A poll comes first and has the whole history; fal's
 * stream then sends what follows. A stream that breaks, or is silent, never ends the feed: the status is polled until the
 * stream is opened again. Ends after a COMPLETED status, and otherwise only by throwing.
 * @throws the reason of the claim's signal
 */
export async function* readStatusFeed(
  { fal, random, onError }: Pick<RelayDeps, 'fal' | 'random' | 'onError'>,
  context: ClaimContext,
  request: FeedRequest,
  { countChanges, mayStream }: FeedReader,
  {
    quietMs = 60_000,
    streamDelayMs = (failures, random) => backoffMs(failures, STATUS_STREAM_BACKOFF, random),
  }: FeedOptions = {},
): AsyncGenerator<FeedItem, void, undefined> {
  const { claim, signal, wakeUp } = context
  const poll = createPoll(fal, request, signal)
  let failedPolls = 0
  let failedStreams = 0
  let streamAt = 0
  let wasQuiet = false

  async function* pause(delayMs: number): AsyncGenerator<FeedItem, void, undefined> {
    if (await wakeUp.wait(delayMs, signal)) yield { kind: 'wake-up' }
  }

  function distrustStream(error: FalError): void {
    failedStreams++
    if (failedStreams === 1) onError(error, { stage: 'status stream', jobId: claim.jobId })
    const delayMs = withRetryAfter(streamDelayMs(failedStreams, random()), error, MAX_STREAM_RETRY_AFTER_MS)
    streamAt = performance.now() + delayMs
  }

  for (;;) {
    const polled = await poll()
    if (polled instanceof FalError) {
      failedPolls++
      yield { kind: 'failure', error: polled }
      yield* pause(withRetryAfter(backoffMs(failedPolls, FAL_BACKOFF, random()), polled, MAX_RETRY_AFTER_MS))
      continue
    }
    failedPolls = 0
    const changes = countChanges()
    yield { kind: 'status', status: polled, source: 'poll' }
    if (wasQuiet && countChanges() > changes)
      distrustStream(new FalError('interrupted', "fal's status stream left out a change"))
    wasQuiet = false
    if (polled.state === 'COMPLETED') return

    if (performance.now() < streamAt || !mayStream()) {
      yield* pause(pollDelayMs(polled.state === 'IN_QUEUE' ? polled.position : null, random()))
      continue
    }

    const openedAt = performance.now()
    try {
      const end = yield* readStream(fal, context, request, { countChanges, quietMs })
      if (typeof end === 'object') return yield* confirm(end, await poll())
      failedStreams = 0
      wasQuiet = end === 'quiet'
    } catch (error) {
      if (!(error instanceof FalError)) throw error
      if (performance.now() - openedAt > quietMs) failedStreams = 0
      distrustStream(error)
      // The last poll is older than the stream.
      yield* pause(backoffMs(1, FAL_BACKOFF, random()))
    }
  }
}

/** Polls the status. A failure is returned. */
function createPoll(
  fal: Fal,
  { endpoint, requestId }: FeedRequest,
  signal: AbortSignal,
): () => Promise<FalStatus | FalError> {
  let unreadable = 0
  let withoutLog = 0
  return async () => {
    const logs = unreadable < UNREADABLE_LIMIT || ++withoutLog % LOG_AGAIN === 0
    try {
      const status = await fal.status(endpoint, requestId, { signal, logs })
      if (logs) unreadable = 0
      return status
    } catch (error) {
      if (!(error instanceof FalError)) throw error
      if (error.kind === 'unreadable') unreadable++
      return error
    }
  }
}

/**
 * Yields what fal's stream sends. Returns how it ended: COMPLETED was read, a wake-up came, or the stream had nothing new
 * for `quietMs`.
 * @throws FalError when the stream breaks
 */
async function* readStream(
  fal: Fal,
  { wakeUp, signal }: ClaimContext,
  { endpoint, requestId }: FeedRequest,
  { countChanges, quietMs }: Pick<FeedReader, 'countChanges'> & { quietMs: number },
): AsyncGenerator<FeedItem, Completed | 'woken' | 'quiet', undefined> {
  const closing = new AbortController()
  const streamSignal = AbortSignal.any([signal, closing.signal])
  const statuses = fal.watch(endpoint, requestId, { signal: streamSignal })[Symbol.asyncIterator]()
  let next = statuses.next()
  let woken = wakeUp.wait(Math.min(FIRST_EVENT_MS, quietMs), streamSignal)
  let isFirst = true
  let isWoken = false
  let changedAt = performance.now()
  try {
    for (;;) {
      const event = await Promise.race([next, woken])
      if (event === true) {
        isWoken = true
        yield { kind: 'wake-up' }
        return 'woken'
      }
      if (event === false) {
        if (isFirst) throw new FalError('interrupted', "fal's status stream began and sent nothing")
        const leftMs = changedAt + quietMs - performance.now()
        if (leftMs <= 0) return 'quiet'
        woken = wakeUp.wait(leftMs, streamSignal)
        continue
      }
      // The adapter ends a stream only after COMPLETED, which returns below.
      if (event.done) throw new Error('the status stream ended before COMPLETED')
      isFirst = false
      const changes = countChanges()
      yield { kind: 'status', status: event.value, source: 'stream' }
      // A stream that repeats itself is as good as silent: it may be stuck.
      if (countChanges() > changes) changedAt = performance.now()
      if (event.value.state === 'COMPLETED') return event.value
      next = statuses.next()
    }
  } finally {
    closing.abort(new ClaimLostError())
    // The signal ends a pending read; `return` ends a stream that waits for its reader.
    const [, lastWait] = await Promise.allSettled([next, woken, statuses.return?.()])
    // A wake-up in the moment in which the stream ended is left for the next wait.
    if (!isWoken && lastWait.status === 'fulfilled' && lastWait.value) wakeUp.notify()
  }
}

/** Adds what one more poll has after a stream reported COMPLETED: a stream may leave out log lines. COMPLETED stays. */
function* confirm(streamed: Completed, polled: FalStatus | FalError): Generator<FeedItem, void, undefined> {
  if (polled instanceof FalError || polled.state !== 'COMPLETED') return
  const { error, errorType } = polled
  const status = { ...polled, error: error ?? streamed.error, errorType: errorType ?? streamed.errorType }
  yield { kind: 'status', status, source: 'poll' }
}
