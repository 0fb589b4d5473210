import pg from 'pg'
import { DatabaseUnavailableError, StartError, shorten } from '../../errors.ts'

/** Codes of a server that starts, stops, or has no connection left. Class 08 is any broken connection. */
const UNAVAILABLE_STATES = new Set(['57P01', '57P02', '57P03', '53300', '53400', '25P03', '57P05'])
/** Codes of a server that answers but cannot store anything for now. */
const UNWRITABLE_STATES = new Map([
  ['53100', 'the disk of the database is full'],
  ['53200', 'the database is out of memory'],
  ['58030', 'the database cannot write to its disk'],
  // A server that its provider made read-only because its disk is full, and a standby.
  ['25006', 'the database is read-only'],
])
/** Serialization failure, deadlock, lock not available: the same transaction may succeed in a moment. */
const CONFLICT_STATES = new Set(['40001', '40P01', '55P03'])
/** Longest text of Postgres in a message, in characters. */
const MAX_TEXT = 400

/** The transaction conflicted with another one. */
export class TransactionConflictError extends Error {
  override name = 'TransactionConflictError'
}

/** Errors of a program, such as a value that cannot be serialized: no retry helps. */
const PROGRAM_ERRORS = [TypeError, RangeError, SyntaxError, ReferenceError]

/**
 * Translates an error of pg. An error that the server did not send comes from the connection, which did not open, did not
 * answer in time, or broke: the database is unavailable. Of the server's errors, some codes mean the same. Prisma passes
 * these classes on, because they have no `code`.
 */
export function toDatabaseError(error: unknown): unknown {
  if (error instanceof DatabaseUnavailableError || error instanceof TransactionConflictError) return error
  if (PROGRAM_ERRORS.some((type) => error instanceof type)) return error
  const { message, code = '' } = error as { message: string; code?: string }
  if (!(error instanceof pg.DatabaseError)) return new DatabaseUnavailableError(message || code, { cause: error })
  if (CONFLICT_STATES.has(code)) return new TransactionConflictError(message, { cause: error })
  if (UNAVAILABLE_STATES.has(code) || UNWRITABLE_STATES.has(code) || code.startsWith('08'))
    return new DatabaseUnavailableError(message, { cause: error, sqlState: code })
  return error
}

/** The error that the server reported, when it is this one or among its causes. */
export function findServerError(error: unknown): pg.DatabaseError | null {
  if (error instanceof pg.DatabaseError) return error
  return error instanceof Error ? findServerError(error.cause) : null
}

/** Why the database cannot store anything, when the error or one of its causes reports that. */
export function findUnwritable(error: unknown): string | null {
  // pg-boss reports copies, whose causes are lost.
  const sqlState = error instanceof DatabaseUnavailableError ? error.sqlState : findServerError(error)?.code
  return UNWRITABLE_STATES.get(sqlState ?? '') ?? null
}

/** A failure of Postgres at the start, as the line that the process ends with; other errors as they are. */
export function asStartError(error: unknown): unknown {
  if (error instanceof StartError) return error
  const cause = findServerError(error) ?? (error instanceof DatabaseUnavailableError ? error : null)
  if (!cause) return error
  const { message, code } = cause as Error & { code?: string }
  const reason = `cannot start: the database failed${code ? ` (${code})` : ''}: ${message.replaceAll(/\s+/g, ' ')}`
  return new StartError(`${shorten(reason, MAX_TEXT)}; fix that, and start again`, { cause: error })
}
