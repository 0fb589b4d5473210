import { FalError } from '../adapters/fal/errors.ts'
import { backoffMs, FAL_BACKOFF, REFUSED_SUBMIT_BACKOFF, withRetryAfter } from '../backoff.ts'
import { type Pause, toProviderState } from '../jobs/provider.ts'

/** Permission to send one request. Dispose of it when done; without an outcome reported before, nothing was sent. */
export interface Permit extends Disposable {
  /** fal accepted the request: it is reachable and accepts the key. */
  succeeded(): void
  failed(error: FalError): void
}

export type CircuitBreaker = ReturnType<typeof createCircuitBreaker>

interface CircuitBreakerDeps {
  /** 0 to 1, for jitter. */
  random(): number
  /** A call that costs nothing and fails as a submit would. @throws FalError */
  probe(signal: AbortSignal): Promise<void>
  /** Called again when the kind of failure changes. */
  onPause(pause: Pause): void
  onResume(pause: Pause): void
}

/** Longest `Retry-After` of a limit that is obeyed, in milliseconds: one odd header must not stop a day's work. */
const MAX_RETRY_AFTER_MS = 600_000
/** Between two notifications when the notified jobs did not acquire, in milliseconds. */
const NOTIFY_AGAIN_MS = 1_000
/** How long a notified job may take to read its row before it acquires, in milliseconds. Until then no probe is sent. */
const ACQUIRE_MS = 5_000
/** Successes after which the breaker closes although jobs still wait. */
const SUCCESSES_TO_CLOSE = 64

/** The breaker while it is open or half-open. Each failure replaces it. */
interface Tripped {
  /** Null once a probe has passed. */
  pause: Pause | null
  /** When the breaker becomes half-open, by `performance.now()`. */
  retryAt: number
  /** How many pauses in a row have failed: the next one lasts longer. */
  failures: number
  successes: number
  inFlight: number
}

/**
 * The circuit breaker of all submits of this process:
 *
 *             a request or a probe fails
 *   closed ──────────────────────────────▶ open ◀───────────────┐
 *     ▲                                     │                   │ a request or
 *     │                                     │ the pause ends,   │ a probe fails
 *     │                                     │ or a probe passes │
 *     │                                     ▼                   │
 *     └────────────────────────────────── halfOpen ─────────────┘
 *       nobody waits after a success,       one request in flight, then one more for each success
 *       or 64 requests have succeeded
 *
 * - closed: every request is sent.
 * - open: no request is sent. The pause grows with each failure.
 * - halfOpen: a few requests are sent, so that few meet a limit that still stands. While no job waits, a probe is sent
 *   instead: a call that costs nothing. A probe that passes ends the reported pause, and the first request still goes
 *   alone, since a probe does not show whether fal accepts submits.
 *
 * A thousand waiting jobs cost an unavailable fal one call per pause.
 */
export function createCircuitBreaker({ random, probe, onPause, onResume }: CircuitBreakerDeps) {
  const waiting = new Set<() => void>()
  const stopping = new AbortController()
  /** Null while the breaker is closed. */
  let tripped: Tripped | null = null
  let probing: Promise<FalError | null> | null = null
  let timer: NodeJS.Timeout | undefined
  let notifiedAt = Number.NEGATIVE_INFINITY

  function close(pause: Pause | null): void {
    tripped = null
    clearTimeout(timer)
    for (const notify of waiting) notify()
    if (pause) onResume(pause)
  }

  function open(error: FalError): void {
    const before = tripped
    const isNewKind = !before?.pause || toProviderState(before.pause.error) !== toProviderState(error)
    const pause = before?.pause && !isNewKind ? before.pause : { error, since: before?.pause?.since ?? new Date() }
    // A refusal just after successes is a limit that was found: no reason for a longer pause.
    const failures = before === null ? 1 : before.successes > 0 ? before.failures : before.failures + 1
    const delayMs = pauseMs(error, failures, random())
    tripped = { pause, failures, successes: 0, inFlight: 0, retryAt: performance.now() + delayMs }
    clearTimeout(timer)
    timer = setTimeout(notifySome, delayMs).unref()
    if (isNewKind) onPause(pause)
  }

  function endPause(): void {
    if (!tripped?.pause) return
    const { pause } = tripped
    Object.assign(tripped, { pause: null, failures: 0, retryAt: performance.now() })
    onResume(pause)
    notifySome()
  }

  function countSuccess(): void {
    if (!tripped) return
    tripped.failures = Math.max(1, tripped.failures - 1)
    tripped.successes++
    if (tripped.successes >= SUCCESSES_TO_CLOSE || waiting.size === 0) close(tripped.pause)
  }

  /** Notifies as many jobs as may send, and repeats: a notified job may have something else to do. */
  function notifySome(): void {
    clearTimeout(timer)
    if (!tripped || stopping.signal.aborted) return
    let free = limitOf(tripped) - tripped.inFlight
    const isAnyoneComing = waiting.size > 0 || performance.now() - notifiedAt < ACQUIRE_MS
    if (!isAnyoneComing && tripped.pause && free > 0) void probeOnce()
    for (const notify of waiting) {
      if (free-- <= 0) break
      notifiedAt = performance.now()
      notify()
    }
    const nextMs = Math.max(NOTIFY_AGAIN_MS, tripped.retryAt - performance.now())
    if (waiting.size > 0 || tripped.pause) timer = setTimeout(notifySome, nextMs).unref()
  }

  /** One probe at a time. The outcome of a request in the meantime outweighs that of the probe. */
  function probeOnce(): Promise<FalError | null> {
    const before = tripped
    probing ??= probe(stopping.signal)
      .then(
        () => {
          if (tripped === before) endPause()
        },
        (error: unknown) => {
          if (!(error instanceof FalError)) {
            if (stopping.signal.aborted) return
            throw error
          }
          if (tripped === before) open(error)
        },
      )
      .then(() => tripped?.pause?.error ?? null)
      .finally(() => {
        probing = null
      })
    return probing
  }

  function createPermit(): Permit {
    const mine = tripped
    if (mine) mine.inFlight++
    let isInFlight = true
    /** The first outcome counts. */
    function settle(record: () => void = () => {}): void {
      if (!isInFlight) return
      isInFlight = false
      if (mine) mine.inFlight--
      // Ignore results of requests sent before the breaker opened.
      if (tripped !== mine) return
      record()
      if (tripped === mine) notifySome()
    }
    return {
      succeeded: () => settle(countSuccess),
      failed: (error) =>
        settle(() => {
          if (isAboutRequest(error)) countSuccess()
          else if (error.kind !== 'rejected') open(error)
        }),
      [Symbol.dispose]: () => settle(),
    }
  }

  return {
    /** Null when no request may be sent now: wait. */
    acquire: () => ((tripped?.inFlight ?? 0) < limitOf(tripped) ? createPermit() : null),
    /** Calls `notify` when acquiring is worth another attempt. Returns how to stop waiting. */
    wait: (notify: () => void): (() => void) => {
      waiting.add(notify)
      return () => waiting.delete(notify)
    },
    /** How many jobs wait. */
    get waiting(): number {
      return waiting.size
    },
    /** Null while fal is not known to refuse or fail. */
    get paused(): Pause | null {
      return tripped?.pause ?? null
    },
    /** Resolves to the failure that is known already, or to that of a probe sent now; null when the probe passes. */
    check: async (): Promise<FalError | null> => tripped?.pause?.error ?? (await probeOnce()),
    /** Sends no more probes. */
    stop: (): void => {
      stopping.abort()
      clearTimeout(timer)
    },
  }
}

function stateOf(tripped: Tripped | null): 'closed' | 'open' | 'halfOpen' {
  if (tripped === null) return 'closed'
  return tripped.successes === 0 && performance.now() < tripped.retryAt ? 'open' : 'halfOpen'
}

/** How many requests may be in flight at once. */
function limitOf(tripped: Tripped | null): number {
  switch (stateOf(tripped)) {
    case 'closed':
      return Number.POSITIVE_INFINITY
    case 'open':
      return 0
    case 'halfOpen':
      return Math.max(1, tripped?.successes ?? 0)
  }
}

/**
 * How long the breaker stays open after a failure, in milliseconds: longer each time, with jitter. `Retry-After` of a
 * limit is obeyed up to ten minutes; that of an unavailable fal is a guess and does not delay the next attempt as long.
 * @param failures - number of failed attempts in a row, from 1
 */
export function pauseMs(error: FalError, failures: number, random: number): number {
  const backoff = error.kind === 'auth' || error.kind === 'rate-limited' ? REFUSED_SUBMIT_BACKOFF : FAL_BACKOFF
  const maxRetryAfterMs = error.kind === 'rate-limited' ? MAX_RETRY_AFTER_MS : FAL_BACKOFF.maxMs
  return withRetryAfter(backoffMs(failures, backoff, random), error, maxRetryAfterMs)
}

/** fal itself refused this one request: the next may succeed. */
function isAboutRequest({ kind, status }: FalError): boolean {
  return status !== null && (kind === 'rejected' || kind === 'not-found')
}
