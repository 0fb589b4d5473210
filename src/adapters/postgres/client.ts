import { setTimeout as sleep } from 'node:timers/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import type pg from 'pg'
import { backoffMs, CONFLICT_BACKOFF } from '../../backoff.ts'
import { DatabaseUnavailableError } from '../../errors.ts'
import { Prisma, PrismaClient } from '../../generated/prisma/client.ts'
import { TransactionConflictError } from './errors.ts'
import { createPool, LONGEST_BEGIN_MS } from './pool.ts'
import { readSchema } from './session.ts'
import { createTurns } from './turns.ts'

/** The database, by Prisma. */
export type Database = PrismaClient

/** The client of a function inside a transaction. */
export type Transaction = Prisma.TransactionClient

interface DatabaseOptions {
  url: string
  /** Most connections. Default 10. */
  connections?: number
  onError(error: unknown, context: { stage: string }): void
}

/** Opens a pool; the first query connects. Close it with `$disconnect()`. */
export function openDatabase({ url, connections = 10, onError }: DatabaseOptions): Database {
  const pool = createPool({
    url,
    name: 'reelay',
    connections,
    onError: (error) => onError(error, { stage: 'database pool' }),
  })
  const adapter = new PrismaPg(deliverInTurns(pool), {
    schema: readSchema(url),
    disposeExternalPool: true,
    onConnectionError: (error) => onError(error, { stage: 'database connection' }),
  })
  return new PrismaClient({ adapter, transactionOptions: { maxWait: LONGEST_BEGIN_MS, timeout: 15_000 } })
}

/**
 * Delivers one result per turn of the event loop, small ones first. Results of many connections arrive together, and
 * the work on all of them would block the loop: 50 to 100 ms with twenty of the largest queries.
 */
function deliverInTurns(pool: pg.Pool) {
  const turns = createTurns()
  const query: (config: pg.QueryArrayConfig, values?: unknown[]) => Promise<pg.QueryArrayResult> = pool.query.bind(pool)
  return Object.assign(pool, {
    query: async (config: pg.QueryArrayConfig, values?: unknown[]) => {
      const result = await query(config, values)
      await turns.wait(result.rows.length)
      return result
    },
  })
}

/** Prisma's own: a transaction did not begin in time, or took too long. */
const TRANSACTION_TIMED_OUT = 'P2028'
const MAX_TRIES = 3

/**
 * Runs a transaction, and again when it conflicted with another one, up to three times in all: `run` must do nothing
 * outside of `tx`.
 * @throws DatabaseUnavailableError also when Prisma gave up on the transaction
 */
export async function transact<T>(db: Database, run: (tx: Transaction) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await db.$transaction(run)
    } catch (error) {
      if (error instanceof Prisma.PrismaClientKnownRequestError && error.code === TRANSACTION_TIMED_OUT)
        throw new DatabaseUnavailableError('a transaction did not begin or end in time', { cause: error })
      if (tries >= MAX_TRIES || !(error instanceof TransactionConflictError)) throw error
      await sleep(backoffMs(tries, CONFLICT_BACKOFF, Math.random()))
    }
  }
}
