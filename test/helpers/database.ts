import { openDatabase } from '../../src/adapters/postgres/client.ts'
import { createTestDatabase } from './postgres.ts'

/** A new database with the tables, and Prisma's client for it. `close` removes both. */
export async function openTestDatabase() {
  const { url, drop } = await createTestDatabase()
  const db = openDatabase({ url, onError: () => {} })
  return {
    db,
    url,
    close: async (): Promise<void> => {
      await db.$disconnect()
      await drop()
    },
  }
}
