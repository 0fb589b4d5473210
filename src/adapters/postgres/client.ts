import { PrismaPg } from '@prisma/adapter-pg'
import type pg from 'pg'
import { type Prisma, PrismaClient } from '../../generated/prisma/client.ts'
import { retryConflicts } from './errors.ts'
import { createPool, LONGEST_BEGIN_MS } from './pool.ts'
import { readSchema } from './session.ts'
import { createTurns } from './turns.ts'

export { asStartError } from './errors.ts'

/** The database, by Prisma. */
export type Database = PrismaClient

/** What a function inside a transaction gets; it can reach no other client. */
export type Transaction = Prisma.TransactionClient

export interface DatabaseOptions {
  url: string
  /** Connections at most. Default 10. */
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
  const adapter = new PrismaPg(answerInTurns(pool), {
    schema: readSchema(url),
    disposeExternalPool: true,
    onConnectionError: (error) => onError(error, { stage: 'database connection' }),
  })
  return new PrismaClient({ adapter, transactionOptions: { maxWait: LONGEST_BEGIN_MS, timeout: 15_000 } })
}

/**
 * Hands out one result in a turn of the event loop, small ones first. Those of many connections arrive together, and all that
 * is computed from them would be one turn: with twenty of the largest queries under way 50 to 100 ms, for which nobody else
 * is answered.
 */
function answerInTurns(pool: pg.Pool) {
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

/** Runs a transaction, and again when another one was in its way: `run` must do nothing outside of `tx`. */
export function transact<T>(db: Database, run: (tx: Transaction) => Promise<T>): Promise<T> {
  return retryConflicts(() => db.$transaction(run))
}
