import { FalError } from './adapters/fal/errors.ts'
import type { Logger } from './adapters/telemetry/logger.ts'
import { DatabaseUnavailableError, shorten } from './errors.ts'

export interface ErrorContext {
  /** What was being done, in words. */
  stage: string
  jobId?: string
  id?: string
}

export type Report = (error: unknown, context: ErrorContext) => void

/** An error of one kind is one line in this time, in milliseconds: an outage or a flood fails everything, many times a second. */
const REPEAT_MS = 60_000

/** Longest text of an error in a line, in characters. */
const MAX_TEXT = 500

/** Kinds of errors told apart at a time; the ones beyond them count as one. Strangers have a say in what messages hold. */
const MAX_KINDS = 200

/** Ids that a line about repeated errors names: an answer's errorId can be looked up as long as there are few. */
const MAX_IDS = 20

/** What stands in a line besides its text. */
type Facts = ErrorContext & { kind?: string; status?: number | null; err?: unknown }

interface Line {
  level: 'warn' | 'error'
  facts: Facts
  text: string
  /** Why the database is away, when that is what the line is about. */
  outage?: string
}

interface Repeats {
  count: number
  ids: string[]
}

/**
 * Writes what went wrong to the log. What is foreseen and dealt with, fal's refusals and a database that is away, is a
 * line; what nobody expected comes with its stack. The first error of a kind is written at once, and those that follow
 * within a minute as one line with their count.
 */
export function createReport(logger: Logger): Report {
  const kinds = new Map<string, Repeats>()

  /** Writes what has repeated by the end of each minute, until a minute without a repetition. */
  function watch(key: string, first: Line): void {
    const repeats: Repeats = { count: 0, ids: [] }
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
      watch(key, line)
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
  return { level: 'warn', facts: context, text: `${context.stage}: the database is away or slow: ${outage}`, outage }
}

/** Why the database cannot be used, when that is what the error, or its cause, tells. */
function findOutage(error: unknown): string | null {
  if (error instanceof DatabaseUnavailableError) return shorten(error.message, MAX_TEXT)
  return error instanceof Error ? findOutage(error.cause) : null
}

/**
 * Errors of one stage and one class whose messages differ in numbers, ids and quotations alone are of one kind. An outage
 * fails all stages at once: it is of one kind by its reason.
 */
function toKind(error: unknown, { facts, outage }: Line): string {
  if (outage !== undefined) return `outage ${withoutDetails(outage)}`
  const { name, message } = error instanceof Error ? error : { name: typeof error, message: String(error) }
  return [facts.stage, name, facts.kind, withoutDetails(shorten(message, MAX_TEXT))].join(' ')
}

function withoutDetails(message: string): string {
  return message.replaceAll(/"[^"]*"|'[^']*'|[\da-f-]*\d[\da-f-]*/gi, '#')
}
