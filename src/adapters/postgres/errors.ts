import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { backoffMs, CONFLICT_BACKOFF } from '../../backoff.ts'
import { DomainError, StartError, shorten } from '../../errors.ts'
import { FalError } from '../fal/errors.ts'

/** Codes of Postgres for a server that starts, stops, or has no connection left; class 08 is any broken connection. */
const AWAY_STATES = new Set(['57P01', '57P02', '57P03', '53300', '53400', '25P03', '57P05'])
/** Codes for a server that answers and cannot store anything for now, and what that is in words. */
const UNWRITABLE_STATES = new Map([
  ['53100', 'the disk of the database is full'],
  ['53200', 'the database is out of memory'],
  ['58030', 'the database cannot write to its disk'],
  // Where a provider puts a server whose disk is full, and what a standby is.
  ['25006', 'the database takes no writes'],
])
/** The same as Prisma's driver calls them. */
const AWAY_KINDS = new Set(['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TooManyConnections'])
/** And as Prisma itself does: no connection, none in time, no transaction in time, one that was lost. */
const AWAY_PRISMA_CODES = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2037'])
const AWAY_SOCKET_CODES = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['ENOTFOUND', 'EAI_AGAIN'],
])
/** pg has no code for these. */
const AWAY_MESSAGES = new Set([
  'Connection terminated',
  'Connection terminated unexpectedly',
  'Connection terminated due to connection timeout',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'Query read timeout',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'Cannot use a pool after calling end on the pool',
])
/** Serialization failure, deadlock, lock not available: the same transaction may well succeed in a moment. */
const CONFLICT_STATES = new Set(['40001', '40P01', '55P03'])

const MAX_TRIES = 3
/** Longest text of Postgres that is told, in characters. */
const MAX_TEXT = 400

/** Does the error mean that Postgres cannot be used for now? What was asked may be asked again in some seconds. */
export function isDatabaseAway(error: unknown): boolean {
  return someCause(error, ({ code, kind, message }) => {
    if (kind !== undefined && AWAY_KINDS.has(kind)) return true
    if (code !== undefined && isAwayCode(code)) return true
    return message !== undefined && AWAY_MESSAGES.has(message)
  })
}

/** Why the database cannot store anything, when the error, or what it was caused by, says so. */
export function findUnwritable(error: unknown): string | null {
  let found: string | null = null
  const isIt = ({ code }: Facts): boolean => {
    found = (code !== undefined && UNWRITABLE_STATES.get(code)) || null
    return found !== null
  }
  // What a caller was told of it has it as its cause.
  if (!someCause(error, isIt) && error instanceof Error) someCause(error.cause, isIt)
  return found
}

/** What Postgres refused at the start as the line that the process ends with; other errors as they are. */
export function asStartError(error: unknown): unknown {
  if (!(error instanceof pg.DatabaseError) && !isDatabaseAway(error)) return error
  const { message, code } = error as { message: string; code?: string }
  const said = `cannot start: the database failed${code ? ` (${code})` : ''}: ${message.replaceAll(/\s+/g, ' ')}`
  return new StartError(`${shorten(said, MAX_TEXT)}; mend that, and start again`, { cause: error })
}

/**
 * Runs a transaction again, up to three times in all, when it was another one's victim. A conflict that stays counts as a
 * database that is away: it passes by itself.
 */
export async function retryConflicts<T>(run: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await run()
    } catch (error) {
      if (tries >= MAX_TRIES || !isConflict(error)) throw error
      await sleep(backoffMs(tries, CONFLICT_BACKOFF, Math.random()))
    }
  }
}

export function isConflict(error: unknown): boolean {
  return someCause(
    error,
    ({ code, kind }) =>
      kind === 'TransactionWriteConflict' || code === 'P2034' || (code !== undefined && CONFLICT_STATES.has(code)),
  )
}

function isAwayCode(code: string): boolean {
  return (
    AWAY_STATES.has(code) ||
    UNWRITABLE_STATES.has(code) ||
    AWAY_PRISMA_CODES.has(code) ||
    AWAY_SOCKET_CODES.has(code) ||
    /^08\w{3}$/.test(code)
  )
}

interface Facts {
  code: string | undefined
  kind: string | undefined
  message: string | undefined
}

/** Looks at an error, at what its driver said, and at its causes. What is ours, or fal's, has nothing to do with Postgres. */
function someCause(error: unknown, isIt: (facts: Facts) => boolean, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > 8) return false
  if (error instanceof DomainError || error instanceof FalError) return false
  const { code, originalCode, kind, message, meta, cause, driverAdapterError, errors } = error as Record<
    string,
    unknown
  >
  const facts = { code: toText(originalCode) ?? toText(code), kind: toText(kind), message: toText(message) }
  if (isIt(facts)) return true
  const inner = [meta, driverAdapterError, cause, ...(Array.isArray(errors) ? errors : [])]
  return inner.some((part) => someCause(part, isIt, depth + 1))
}

function toText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
