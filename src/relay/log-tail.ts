import { hash } from 'node:crypto'
import type { FalLogLine } from '../adapters/fal/types.ts'

/**
 * The newest lines of a request's log that were taken, to tell by what a stream begins with: fal may repeat in it all
 * earlier lines, some, or none.
 */
export interface LogTail {
  /** The lines so far, all of them. */
  reset(lines: readonly FalLogLine[]): void
  /** Lines that came after those. */
  append(lines: readonly FalLogLine[]): void
  /** How many lines, from the first on, are known: the last of these is the last that was taken. */
  countKnown(lines: readonly FalLogLine[]): number
}

/** Lines that are remembered. A job has one tail, and a process a thousand jobs. */
const LINES = 50

export function createLogTail(): LogTail {
  let tail: string[] = []
  return {
    reset: (lines) => {
      tail = lines.slice(-LINES).map(toKey)
    },
    append: (lines) => {
      tail = [...tail, ...lines.slice(-LINES).map(toKey)].slice(-LINES)
    },
    countKnown: (lines) => {
      const keys = lines.map(toKey)
      // The longest that fits: of lines that are equal in all, none is taken twice.
      for (let count = keys.length; count > 0; count--) if (endsAlike(tail, keys, count)) return count
      return 0
    },
  }
}

/** A list of lines in short: the lines themselves may be many. */
export interface Told {
  count: number
  digest: string
  /** Whether each line has a time. */
  isTimed: boolean
}

export function toTold(lines: readonly FalLogLine[]): Told {
  return {
    count: lines.length,
    digest: toDigest(lines.map(toKey).join()),
    isTimed: lines.every(({ at }) => at !== null),
  }
}

/**
 * How many of the lines were told before: all that were, when the list begins with them. Lines without a time may well
 * be alike: then only a longer list counts as one that goes on.
 */
export function countRepeated(told: Told | null, lines: readonly FalLogLine[]): number {
  if (told === null || lines.length < told.count || (lines.length === told.count && !told.isTimed)) return 0
  return toTold(lines.slice(0, told.count)).digest === told.digest ? told.count : 0
}

/** Do the tail and the first `count` keys end alike, as far as both go? It takes as many steps as the tail is long. */
function endsAlike(tail: readonly string[], keys: readonly string[], count: number): boolean {
  const length = Math.min(tail.length, count)
  if (length === 0) return false
  for (let back = 1; back <= length; back++) if (tail.at(-back) !== keys[count - back]) return false
  return true
}

function toKey({ at, message }: FalLogLine): string {
  return toDigest(`${at?.getTime() ?? ''} ${message}`)
}

/** Not the text itself, nor a piece of it, which would keep the whole answer in memory. */
function toDigest(text: string): string {
  return hash('sha1', text, 'base64')
}
