import { PgClient } from '../postgres/pg-client.ts'

/** Number of the advisory lock: "reelay" on a telephone keypad. */
const LOCK = 733529

/**
 * Locks the data directory by a lock in its database. A killed process loses the lock at once: Postgres frees it when
 * the connection ends.
 * @returns a function that releases the lock; null when another server has it
 * @see https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
 */
export async function lockDataDir(url: string): Promise<(() => Promise<void>) | null> {
  const limits = { connectionTimeoutMillis: 5_000, query_timeout: 5_000 }
  const client = new PgClient({ connectionString: url, application_name: 'reelay-lock', ...limits })
  // The pool and the watchdog report a database that has ended.
  client.on('error', () => {})
  await client.connect()
  try {
    const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [LOCK])
    if (rows[0]?.taken) return () => client.end()
  } catch (error) {
    await client.end()
    throw error
  }
  await client.end()
  return null
}
