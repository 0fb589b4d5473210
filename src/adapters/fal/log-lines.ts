/** The log in a status of fal: of any length and shape, so no more of it is read than can be of use. */

import { toStorableText } from '../../text.ts'
import { MAX_JSON_LENGTH, toRecord } from './json.ts'
import { redactKey } from './key-redaction.ts'
import type { FalLogLine } from './types.ts'

/** Text that is read from the log's beginning, in characters: more than is kept of a job's log. */
const MAX_LENGTH = 128 * 1024
/** What a line counts at least, whatever it says. */
const LEAST_LENGTH = 64
/** Lines that are read from the end of a log that is longer, for the progress they report, and how much of each. */
const NEWEST_LINES = 50
const NEWEST_LENGTH = 1024

/** A time is some 30 characters long. */
const MAX_TIME_LENGTH = 64

/** In fal's order. Lines without a message are left out; null, which fal says when logs are off, is none. */
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

/** A status that is too long to be parsed, without the middle of its log. What is no such status stays as it is. */
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

/** Where the elements of a JSON array end, and where the array does; -1 when the text ends before. */
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

/** STDERR is INFO like STDOUT: Python's logging and progress bars write there when all is well. */
function toLevel(level: unknown): FalLogLine['level'] {
  const name = typeof level === 'string' ? level.slice(0, 20).toUpperCase() : ''
  if (name === 'ERROR' || name === 'CRITICAL' || name === 'FATAL') return 'ERROR'
  if (name === 'WARN' || name === 'WARNING') return 'WARN'
  return name === 'DEBUG' || name === 'TRACE' ? 'DEBUG' : 'INFO'
}

/** fal leaves the zone away and means UTC; JavaScript would read local time. */
function toDate(timestamp: unknown): Date | null {
  if (typeof timestamp !== 'string' || timestamp.length > MAX_TIME_LENGTH) return null
  const [, day, time, zone] =
    /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:\d{2})?$/i.exec(timestamp) ?? []
  const date = new Date(`${day}T${time}${zone?.toUpperCase() ?? 'Z'}`)
  return Number.isNaN(date.getTime()) ? null : date
}
