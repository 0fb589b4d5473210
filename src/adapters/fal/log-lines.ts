/** Parses the log in a fal status, which may be of any length and shape, up to a limit. */

import { toStorableText } from '../../text.ts'
import { MAX_JSON_LENGTH, toRecord } from './json.ts'
import { redactKey } from './key-redaction.ts'
import type { FalLogLine } from './types.ts'

/** Characters read from the beginning of the log: more than a job's history keeps. */
const MAX_LENGTH = 128 * 1024
/** Every line counts as at least this many characters. */
const LEAST_LENGTH = 64
/** Lines read from the end of a longer log, for the progress they report, and the characters read of each. */
const NEWEST_LINES = 50
const NEWEST_LENGTH = 1024

/** A timestamp has about 30 characters. */
const MAX_TIME_LENGTH = 64

/** Log lines in fal's order, without lines that have no message. fal sends null when logs are off. */
export function toLogLines(logs: unknown, key: string | null): FalLogLine[] {
  if (!Array.isArray(logs)) return []
  const lines: FalLogLine[] = []
  let left = MAX_LENGTH
  let at = 0
  for (; at < logs.length && left > 0; at++) {
    const line = toLine(logs[at], key, left)
    if (line) lines.push(line)
    left -= Math.max(LEAST_LENGTH, line?.message.length ?? 0)
  }
  const newest = logs.slice(Math.max(at, logs.length - NEWEST_LINES))
  return [...lines, ...newest.map((entry) => toLine(entry, key, NEWEST_LENGTH)).filter((line) => line !== null)]
}

/** Removes the middle of the log from a status that is too long to be parsed. Other text is returned unchanged. */
export function shortenLog(text: string): string {
  if (text.length <= MAX_JSON_LENGTH) return text
  const opening = /"logs"\s*:\s*\[/.exec(text)
  if (!opening) return text
  const begin = opening.index + opening[0].length
  const { commas, end } = findCommas(text, begin)
  const firstDropped = commas.findIndex((comma, line) => comma - begin > MAX_LENGTH || line * LEAST_LENGTH > MAX_LENGTH)
  const from = commas[firstDropped]
  const to = commas.at(-NEWEST_LINES)
  if (end === -1 || from === undefined || to === undefined || to <= from) return text
  return text.slice(0, from) + text.slice(to)
}

/** Positions of the commas between a JSON array's elements, and of its end; -1 when the text is truncated. */
function findCommas(text: string, begin: number): { commas: number[]; end: number } {
  const commas: number[] = []
  let depth = 0
  for (let at = begin; at < text.length; at++) {
    const character = text[at]
    if (character === '"') at = findStringEnd(text, at)
    else if (character === '[' || character === '{') depth++
    else if ((character === ']' || character === '}') && depth-- === 0) return { commas, end: at }
    else if (character === ',' && depth === 0) commas.push(at)
  }
  return { commas, end: -1 }
}

function findStringEnd(text: string, begin: number): number {
  for (let at = begin + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at
  }
  return text.length
}

function toLine(entry: unknown, key: string | null, maxLength: number): FalLogLine | null {
  const line = typeof entry === 'string' ? { message: entry } : toRecord(entry)
  if (typeof line?.message !== 'string') return null
  const message = redactKey(toStorableText(line.message.slice(0, maxLength)), key)
  return { message, level: toLevel(line.level), at: toDate(line.timestamp) }
}

/** STDERR maps to INFO like STDOUT: Python's logging and progress bars write there without any error. */
function toLevel(level: unknown): FalLogLine['level'] {
  const name = typeof level === 'string' ? level.slice(0, 20).toUpperCase() : ''
  if (name === 'ERROR' || name === 'CRITICAL' || name === 'FATAL') return 'ERROR'
  if (name === 'WARN' || name === 'WARNING') return 'WARN'
  return name === 'DEBUG' || name === 'TRACE' ? 'DEBUG' : 'INFO'
}

/** fal omits the time zone and means UTC; JavaScript would assume local time. */
function toDate(timestamp: unknown): Date | null {
  if (typeof timestamp !== 'string' || timestamp.length > MAX_TIME_LENGTH) return null
  const [, day, time, zone] =
    /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:\d{2})?$/i.exec(timestamp) ?? []
  const date = new Date(`${day}T${time}${zone?.toUpperCase() ?? 'Z'}`)
  return Number.isNaN(date.getTime()) ? null : date
}
