import { FalError } from '../adapters/fal/errors.ts'
import { backoffMs, FAL_BACKOFF, REFUSED_SUBMIT_BACKOFF, withRetryAfter } from '../backoff.ts'
import { toProviderState } from '../jobs/provider.ts'

/** Why nothing is sent at the moment, and since when. */
export interface Pause {
  /** What fal answered, or did not: the first of its kind. */
  error: FalError
  since: Date
}

/** Leave to send one request. Dispose of it when done; by then it has told what it met, or nothing was sent. */
export interface Ticket extends Disposable {
  /** fal took or judged the request: it is there, and knows the key. */
  passed(): void
  failed(error: FalError): void
}

/**
 * One gate for all that is submitted by this process. While fal refuses the key, asks for patience or cannot be reached,
 * it is shut for everybody but one: after a while a single request goes through to see. When it comes through, the others
 * follow a few at a time, more with each that passes, so that a limit is met by a few requests and not by all. A thousand
 * waiting jobs cost fal one call per look, and a fal that breaks submits gets one of them. While nobody waits, a probe looks
 * in their place.
 */
export interface Gate {
  /** Null while there is no room: then wait. */
  enter(): Ticket | null
  /** Rings when it may be worth to enter again. Answers how to stop waiting. */
  wait(ring: () => void): () => void
  /** How many wait. */
  readonly waiting: number
  readonly paused: Pause | null
  /** Asks fal by a probe, unless it is known already that something is wrong. Answers what is; null when nothing. */
  look(): Promise<FalError | null>
  /** Looks no more. */
  stop(): void
}

export interface GateDeps {
  /** 0 to 1, for jitter. */
  random(): number
  /** A call that costs nothing and fails as others would. @throws FalError */
  probe(signal: AbortSignal): Promise<void>
  /** Called again when fal is in another state than before. */
  onPause(pause: Pause): void
  onResume(pause: Pause): void
}

/** Longest that fal's Retry-After of a limit is waited out, in milliseconds: one odd header is not to stop a day's work. */
const LONGEST_ASKED_MS = 600_000
/** Between two rings when those who were rung for did not enter, in milliseconds. */
const AGAIN_MS = 1_000
/** Who was rung for reads its row first, and waits no longer meanwhile: so long it is no reason for a probe, in milliseconds. */
const COMING_MS = 5_000
/** So many at once, all of them passing, need no counting any more. */
const ALL = 64

/** How wide the gate is: `room` requests at once until `ALL` have shown that fal takes them. Null: open for everybody. */
interface Narrow {
  /** Null once a probe has passed: nothing is known to be wrong, but the first request still goes alone. */
  pause: Pause | null
  /** 0 while it is shut, but for the one that looks from `until` on. */
  room: number
  inside: number
  looks: number
  until: number
}

export function createGate({ random, probe, onPause, onResume }: GateDeps): Gate {
  const waiting = new Set<() => void>()
  const stopping = new AbortController()
  let looking: Promise<FalError | null> | null = null
  let narrow: Narrow | null = null
  let timer: NodeJS.Timeout | undefined
  let rungAt = Number.NEGATIVE_INFINITY

  function roomOf({ room, until }: Narrow): number {
    return room === 0 && performance.now() >= until ? 1 : room
  }

  /** Rings for as many as there is room, and again later: whoever was rung for may have something else to do. */
  function ringSome(): void {
    clearTimeout(timer)
    if (!narrow || stopping.signal.aborted) return
    let free = roomOf(narrow) - narrow.inside
    const isAnyoneComing = waiting.size > 0 || performance.now() - rungAt < COMING_MS
    if (!isAnyoneComing && narrow.pause && free > 0) void probeOnce()
    for (const ring of waiting) {
      if (free-- <= 0) break
      rungAt = performance.now()
      ring()
    }
    const nextMs = Math.max(AGAIN_MS, narrow.until - performance.now())
    if (waiting.size > 0 || narrow.pause) timer = setTimeout(ringSome, nextMs).unref()
  }

  /** One probe at a time. What a request has told meanwhile is truer than what the probe tells. */
  function probeOnce(): Promise<FalError | null> {
    const before = narrow
    looking ??= probe(stopping.signal)
      .then(
        () => {
          if (narrow === before) calm()
        },
        (error: unknown) => {
          if (!(error instanceof FalError)) {
            if (stopping.signal.aborted) return
            throw error
          }
          if (narrow === before) shutFor(error)
        },
      )
      .then(() => narrow?.pause?.error ?? null)
      .finally(() => {
        looking = null
      })
    return looking
  }

  /** Not wide open: a probe does not tell whether fal takes what is sent. */
  function calm(): void {
    if (!narrow?.pause) return
    const { pause } = narrow
    Object.assign(narrow, { pause: null, looks: 0, until: performance.now() })
    onResume(pause)
    ringSome()
  }

  function shutFor(error: FalError): void {
    const before = narrow
    const isNew = !before?.pause || toProviderState(before.pause.error) !== toProviderState(error)
    const pause = before?.pause && !isNew ? before.pause : { error, since: before?.pause?.since ?? new Date() }
    // What is refused just after others passed is a limit that was found: no reason to come less often.
    const looks = before === null ? 1 : before.room > 0 ? before.looks : before.looks + 1
    const untilMs = pauseMs(error, looks, random())
    narrow = { pause, looks, room: 0, inside: 0, until: performance.now() + untilMs }
    clearTimeout(timer)
    timer = setTimeout(ringSome, untilMs).unref()
    if (isNew) onPause(pause)
  }

  function widen(): void {
    if (!narrow) return
    narrow.looks = Math.max(1, narrow.looks - 1)
    narrow.room++
    if (narrow.room >= ALL || waiting.size === 0) {
      const { pause } = narrow
      narrow = null
      clearTimeout(timer)
      for (const ring of waiting) ring()
      if (pause) onResume(pause)
    }
  }

  function createTicket(): Ticket {
    const mine = narrow
    if (mine) mine.inside++
    let isInside = true
    function leave(): void {
      if (mine && isInside) mine.inside--
      isInside = false
    }
    return {
      passed: () => {
        // Of those that left before it was shut, none can tell what fal says now.
        if (narrow !== mine) return
        leave()
        widen()
        ringSome()
      },
      failed: (error) => {
        if (narrow !== mine) return
        leave()
        if (isPassing(error)) widen()
        else if (error.kind !== 'rejected') shutFor(error)
        if (narrow === mine) ringSome()
      },
      [Symbol.dispose]: () => {
        if (!isInside) return
        leave()
        if (narrow === mine) ringSome()
      },
    }
  }

  return {
    enter: () => (narrow === null || narrow.inside < roomOf(narrow) ? createTicket() : null),
    wait: (ring) => {
      waiting.add(ring)
      return () => waiting.delete(ring)
    },
    get waiting() {
      return waiting.size
    },
    get paused() {
      return narrow?.pause ?? null
    },
    look: async () => narrow?.pause?.error ?? (await probeOnce()),
    stop: () => {
      stopping.abort()
      clearTimeout(timer)
    },
  }
}

/**
 * How long the gate stays shut after a failure, in milliseconds: longer each time, with jitter. What fal asks for is the
 * least when it is a limit, up to ten minutes; of a fal that is away it is a guess, and does not keep us from looking.
 */
export function pauseMs(error: FalError, looks: number, random: number): number {
  const backoff = error.kind === 'auth' || error.kind === 'rate-limited' ? REFUSED_SUBMIT_BACKOFF : FAL_BACKOFF
  const maxAskedMs = error.kind === 'rate-limited' ? LONGEST_ASKED_MS : FAL_BACKOFF.maxMs
  return withRetryAfter(backoffMs(looks, backoff, random), error, maxAskedMs)
}

/** A no to this one request, by fal itself: the next may pass. */
function isPassing({ kind, status }: FalError): boolean {
  return status !== null && (kind === 'rejected' || kind === 'not-found')
}
