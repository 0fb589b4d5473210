import type { VideoRequest } from '../request.ts'

/** The course of a request's way through the line. */
export interface LineCourse {
  /** Requests said to stand in front at first. */
  aheadAtFirst: number
  durationMs: number
}

/** How many are said to stand in front of a request at a time: from `aheadAtFirst` down to 0. */
export function simulatedPosition({ aheadAtFirst, durationMs }: LineCourse, elapsedMs: number): number {
  if (durationMs <= 0) return elapsedMs > 0 ? 0 : aheadAtFirst
  const left = Math.max(0, 1 - elapsedMs / durationMs)
  return Math.min(aheadAtFirst, Math.floor((aheadAtFirst + 1) * left))
}

/** The waiting line: ordered by when a request may start, then by acceptance. */
export interface Line {
  readonly size: number
  add(request: VideoRequest): void
  remove(request: VideoRequest): void
  /** The one in front, or undefined. */
  first(): VideoRequest | undefined
  /** How many stand in front of it. */
  rank(request: VideoRequest): number
}

/** Makes an empty line. A search takes logarithmic time: thousands wait in a load test, and each asks for its rank. */
export function createLine(): Line {
  const waiting: VideoRequest[] = []

  function placeOf(request: VideoRequest): number {
    let low = 0
    let high = waiting.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = waiting[middle]
      if (other && isBefore(other, request)) low = middle + 1
      else high = middle
    }
    return low
  }

  return {
    get size() {
      return waiting.length
    },
    add: (request) => void waiting.splice(placeOf(request), 0, request),
    remove: (request) => {
      const place = placeOf(request)
      if (waiting[place] === request) waiting.splice(place, 1)
    },
    first: () => waiting[0],
    rank: placeOf,
  }
}

function isBefore(a: VideoRequest, b: VideoRequest): boolean {
  return a.dueAt !== b.dueAt ? a.dueAt < b.dueAt : a.sequence < b.sequence
}
