import { FalError } from './adapters/fal/errors.ts'
import type { Logger } from './adapters/telemetry/logger.ts'
import { DatabaseUnavailableError, shorten } from './errors.ts'

interface ErrorContext {
  /** The operation that failed, in words. */
  stage: string
  jobId?: string
  id?: string
}

export type ReportError = (error: unknown, context: ErrorContext) => void

/**
 * Errors of one kind are one log line in this time, in milliseconds: in an outage everything fails many times a second.
 */
const REPEAT_MS = 60_000

/** Longest text of an error in a log line, in characters. */
const MAX_TEXT = 500

/** Most kinds of errors at a time; further ones count as one. Clients can influence messages. */
const MAX_KINDS = 200

/** Most ids in a line about repeated errors: they let an operator find the errorId of a response. */
const MAX_IDS = 20

/** The fields of a log line besides its text. */
type Facts = ErrorContext & { kind?: string; status?: number | null; err?: unknown }

interface Line {
  level: 'warn' | 'error'
  facts: Facts
  text: string
  /** Why the database is unavailable, when the line is about that. */
  outage?: string
}

/**
 * Creates the function that logs errors. Expected ones, fal's refusals and an unavailable database, are a warning;
 * unexpected ones are logged with their stack. The first error of a kind is logged at once, and repetitions within a
 * minute as one line with their count.
 */
export function createErrorLogger(logger: Logger): ReportError {
  const kinds = new Map<string, { count: number; ids: string[] }>()

  /** Logs the repetitions at the end of each minute, until a minute without one. */
  function countRepeats(key: string, first: Line): void {
    const repeats = { count: 0, ids: [] as string[] }
    kinds.set(key, repeats)
    const timer = setInterval(() => {
      const { count, ids } = repeats
      if (count === 0) {
        clearInterval(timer)
        kinds.delete(key)
        return
      }
      Object.assign(repeats, { count: 0, ids: [] })
      const { jobId: _jobId, id: _id, err: _err, ...facts } = first.facts
      logger[first.level]({ ...facts, repeated: count, ...(ids.length > 0 && { ids }) }, `${first.text} (repeated)`)
    }, REPEAT_MS).unref()
  }

  return (error, context) => {
    const line = toLine(error, context)
    const kind = toKind(error, line)
    const key = kinds.size < MAX_KINDS || kinds.has(kind) ? kind : 'others'
    const repeats = kinds.get(key)
    if (!repeats) {
      logger[line.level](line.facts, line.text)
      countRepeats(key, line)
      return
    }
    repeats.count++
    const id = context.id ?? context.jobId
    if (id !== undefined && repeats.ids.length < MAX_IDS) repeats.ids.push(id)
  }
}

function toLine(error: unknown, context: ErrorContext): Line {
  if (error instanceof FalError) {
    const facts = { ...context, kind: error.kind, status: error.status }
    return { level: 'warn', facts, text: `${context.stage}: ${shorten(error.message, MAX_TEXT)}` }
  }
  const outage = findOutage(error)
  if (outage === null) return { level: 'error', facts: { ...context, err: error }, text: `${context.stage} failed` }
  const text = `${context.stage}: the database is unavailable or slow: ${outage}`
  return { level: 'warn', facts: context, text, outage }
}

/** Why the database is unavailable, when the error or one of its causes is a DatabaseUnavailableError. */
function findOutage(error: unknown): string | null {
  if (error instanceof DatabaseUnavailableError) return shorten(error.message, MAX_TEXT)
  return error instanceof Error ? findOutage(error.cause) : null
}

/**
 * Errors of one stage and one class are of one kind when their messages differ only in numbers, ids and quotations. An
 * outage fails all stages at once: its kind is its reason.
 */
function toKind(error: unknown, { facts, outage }: Line): string {
  if (outage !== undefined) return `outage ${withoutDetails(outage)}`
  const { name, message } = error instanceof Error ? error : { name: typeof error, message: String(error) }
  return [facts.stage, name, facts.kind, withoutDetails(shorten(message, MAX_TEXT))].join(' ')
}

function withoutDetails(message: string): string {
  return message.replaceAll(/"[^"]*"|'[^']*'|[\da-f-]*\d[\da-f-]*/gi, '#')
}
