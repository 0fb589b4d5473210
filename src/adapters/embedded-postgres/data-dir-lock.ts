import { PgClient } from '../postgres/pg-client.ts'

/** Number of the advisory lock: "reelay" in the letters of a telephone. */
const LOCK = 733529

/** The right to use the embedded database, and with it the data directory, alone. It ends with the process. */
export interface DataDirLease {
  release(): Promise<void>
}

/**
 * Takes the lease that a database holds for one server at a time; null when another server has it. A process that is
 * killed loses it at once: Postgres frees the lock when the connection ends.
 * @see https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
 */
export async function takeDataDirLease(url: string): Promise<DataDirLease | null> {
  const client = new PgClient({ connectionString: url, application_name: 'reelay-lease' })
  // The database going away is told by everybody else who uses it.
  client.on('error', () => {})
  await client.connect()
  const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [LOCK])
  if (rows[0]?.taken) return { release: () => client.end() }
  await client.end()
  return null
}
