/** Finds out which of the log lines that fal sends are known already. */

import { hash } from 'node:crypto'
import type { FalLogLine } from '../adapters/fal/types.ts'

/** Length of a tail. Each job has one, and a process follows a thousand jobs. */
const TAIL_LINES = 50

/** The newest lines of a request's log. fal may begin a stream with all earlier lines, some of them, or none. */
export function createLogTail() {
  let tail: string[] = []
  return {
    /** Replaces the tail by that of all lines so far. */
    reset: (lines: readonly FalLogLine[]): void => {
      tail = lines.slice(-TAIL_LINES).map(toKey)
    },
    append: (lines: readonly FalLogLine[]): void => {
      tail = [...tail, ...lines.slice(-TAIL_LINES).map(toKey)].slice(-TAIL_LINES)
    },
    /** How many lines, from the first on, are known. The last known line is the last one of the tail. */
    countKnown: (lines: readonly FalLogLine[]): number => {
      const keys = lines.map(toKey)
      // The longest match: among identical lines, none is recorded twice.
      for (let count = keys.length; count > 0; count--) if (endsAlike(tail, keys, count)) return count
      return 0
    },
  }
}

/** A list of lines in short: the lines themselves may be many. */
export interface LinesDigest {
  count: number
  digest: string
  /** Whether each line has a time. */
  isTimed: boolean
}

export function toLinesDigest(lines: readonly FalLogLine[]): LinesDigest {
  return {
    count: lines.length,
    digest: toDigest(lines.map(toKey).join()),
    isTimed: lines.every(({ at }) => at !== null),
  }
}

/**
 * How many lines repeat the list of the event before: all of that list, when the new one begins with it. Lines without a
 * time may be alike and still be new, so of those only a longer list counts as a repetition.
 */
export function countRepeated(before: LinesDigest, lines: readonly FalLogLine[]): number {
  if (lines.length < before.count || (lines.length === before.count && !before.isTimed)) return 0
  return toLinesDigest(lines.slice(0, before.count)).digest === before.digest ? before.count : 0
}

/** Whether the tail and the first `count` keys end alike, as far as both reach. Takes at most as many steps as the tail is long. */
function endsAlike(tail: readonly string[], keys: readonly string[], count: number): boolean {
  const length = Math.min(tail.length, count)
  if (length === 0) return false
  for (let back = 1; back <= length; back++) if (tail.at(-back) !== keys[count - back]) return false
  return true
}

function toKey({ at, message }: FalLogLine): string {
  return toDigest(`${at?.getTime() ?? ''} ${message}`)
}

/** A digest, because any piece of the text would keep the whole response in memory. */
function toDigest(text: string): string {
  return hash('sha1', text, 'base64')
}
