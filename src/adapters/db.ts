import { PrismaPg } from '@prisma/adapter-pg'
import { type Prisma, PrismaClient } from '../generated/prisma/client.ts'
import { retryConflicts } from './db-errors.ts'
import { createPool, LONGEST_BEGIN_MS } from './pool.ts'

export { isDatabaseAway } from './db-errors.ts'

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
  const adapter = new PrismaPg(pool, {
    disposeExternalPool: true,
    onConnectionError: (error) => onError(error, { stage: 'database connection' }),
  })
  return new PrismaClient({ adapter, transactionOptions: { maxWait: LONGEST_BEGIN_MS, timeout: 15_000 } })
}

/** Runs a transaction, and again when another one was in its way: `run` must do nothing outside of `tx`. */
export function transact<T>(db: Database, run: (tx: Transaction) => Promise<T>): Promise<T> {
  return retryConflicts(() => db.$transaction(run))
}
