import type { FalError } from '../adapters/fal.ts'

/** Why nothing is sent at the moment, and since when. */
export interface Pause {
  /** What fal answered, or did not, at first. */
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
 * it is shut for everybody but one: after a while a single request goes through to see, and opens the gate when it comes
 * through. So a thousand waiting jobs cost fal one call per look, and a fal that breaks submits gets one of them, not all.
 */
export interface Gate {
  /** Null while it is shut: then wait. */
  enter(): Ticket | null
  /** Rings when it may be worth to enter again. Answers how to stop waiting. */
  wait(ring: () => void): () => void
  readonly paused: Pause | null
}

export interface GateDeps {
  /** 0 to 1, for jitter. */
  random(): number
  onPause(pause: Pause, waiting: number): void
  onResume(pause: Pause): void
}

/** Longest wait between two looks, in milliseconds: soon enough that all is well 10 s after fal is. */
const LONGEST_MS = 8_000
/** A key is mended by a person, and a limit passes by itself: neither comes sooner for being asked after. */
const LONGEST_REFUSED_MS = 30_000
/** Between two rings when the one who was rung for did not enter, in milliseconds. */
const AGAIN_MS = 1_000

export function createGate({ random, onPause, onResume }: GateDeps): Gate {
  const waiting = new Set<() => void>()
  let shut: { pause: Pause; looks: number; until: number } | null = null
  let isLooking = false
  let timer: NodeJS.Timeout | undefined

  function ringFirstAt(time: number): void {
    clearTimeout(timer)
    timer = setTimeout(() => {
      const [first] = waiting
      first?.()
      if (shut && !isLooking) ringFirstAt(Date.now() + AGAIN_MS)
    }, time - Date.now())
    timer.unref()
  }

  function shutFor(error: FalError): void {
    const looks = (shut?.looks ?? 0) + 1
    const pause = shut?.pause ?? { error, since: new Date() }
    const isFirst = shut === null
    shut = { pause, looks, until: Date.now() + pauseMs(error, looks, random()) }
    ringFirstAt(shut.until)
    if (isFirst) onPause(pause, waiting.size)
  }

  function open(): void {
    if (!shut) return
    const { pause } = shut
    shut = null
    clearTimeout(timer)
    for (const ring of waiting) ring()
    onResume(pause)
  }

  function createTicket(looks: boolean): Ticket {
    // Of those that left before it was shut, none can tell what fal says now.
    const counts = (): boolean => looks || shut === null
    return {
      passed: () => {
        if (counts()) open()
      },
      failed: (error) => {
        if (!counts()) return
        if (isPassing(error)) open()
        else if (error.kind !== 'rejected') shutFor(error)
      },
      [Symbol.dispose]: () => {
        if (!looks) return
        isLooking = false
        if (shut) ringFirstAt(Math.max(shut.until, Date.now()))
      },
    }
  }

  return {
    enter: () => {
      if (shut === null) return createTicket(false)
      if (isLooking || Date.now() < shut.until) return null
      isLooking = true
      return createTicket(true)
    },
    wait: (ring) => {
      waiting.add(ring)
      return () => waiting.delete(ring)
    },
    get paused() {
      return shut?.pause ?? null
    },
  }
}

/** How long the gate stays shut after a failure, in milliseconds: longer each time, with jitter, as fal asked at least. */
export function pauseMs({ kind, retryAfterMs }: FalError, looks: number, random: number): number {
  const longest = kind === 'auth' || kind === 'rate-limited' ? LONGEST_REFUSED_MS : LONGEST_MS
  const usual = Math.min(longest, 500 * 2 ** Math.min(looks - 1, 10)) * (0.5 + random / 2)
  return Math.max(usual, retryAfterMs ?? 0)
}

/** A no to this one request, by fal itself: the next may pass. */
function isPassing({ kind, status }: FalError): boolean {
  return status !== null && (kind === 'rejected' || kind === 'not-found')
}
