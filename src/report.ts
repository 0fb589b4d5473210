import { FalError } from './adapters/fal.ts'
import type { Logger } from './adapters/logger.ts'

export interface ErrorContext {
  /** What was being done, in words. */
  stage: string
  jobId?: string
  id?: string
}

export type Report = (error: unknown, context: ErrorContext) => void

/** An outage is told once in this time for each stage, in milliseconds: it fails everything, many times a second. */
const REPEAT_MS = 10_000

/**
 * Writes what went wrong to the log. What is foreseen and dealt with, fal's refusals and a database that is away, is a
 * line; what nobody expected comes with its stack.
 */
export function createReport(logger: Logger, isAway: (error: unknown) => boolean): Report {
  const told = new Map<string, number>()
  return (error, context) => {
    if (error instanceof FalError) {
      logger.warn({ ...context, kind: error.kind, status: error.status }, `${context.stage}: ${error.message}`)
      return
    }
    if (!isAway(error) && !(error instanceof Error && isAway(error.cause))) {
      logger.error({ ...context, err: error }, `${context.stage} failed`)
      return
    }
    const now = Date.now()
    if (now - (told.get(context.stage) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS) return
    told.set(context.stage, now)
    const reason = error instanceof Error ? error.message.split('\n').at(-1) : String(error)
    logger.warn(context, `${context.stage}: the database is away: ${reason}`)
  }
}
