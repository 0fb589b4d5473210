import { PrismaPg } from '@prisma/adapter-pg'
import { type Prisma, PrismaClient } from '../generated/prisma/client.ts'

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
  // Without these listeners a restart of Postgres is an unhandled 'error' event, which ends the process.
  const adapter = new PrismaPg(
    { connectionString: url, max: connections, connectionTimeoutMillis: 5_000, application_name: 'reelay' },
    {
      onPoolError: (error) => onError(error, { stage: 'database pool' }),
      onConnectionError: (error) => onError(error, { stage: 'database connection' }),
    },
  )
  return new PrismaClient({ adapter, transactionOptions: { maxWait: 5_000, timeout: 15_000 } })
}
