import pg from 'pg'
import { parseDatabaseUrl } from './database-url.ts'

/**
 * What the code takes for granted of a session, whatever the server, the database or the role has set: Prisma reads each
 * time as one of UTC and in ISO form, and an invisible conflict of a stricter isolation would fail what nobody repeats.
 */
const SETTINGS = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  client_encoding: 'UTF8',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  // Who waits gives up by itself, and whose connection is idle has a reason.
  statement_timeout: '0',
  lock_timeout: '0',
  transaction_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
}

/** Older servers do not know all settings. A crash without synchronous commits could take back that a job was paid for. */
const PREPARE = `
  SELECT set_config(key, value, false) FROM json_each_text($1) WHERE current_setting(key, true) IS NOT NULL
  UNION ALL
  SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`

/**
 * Makes a session that has just begun what the code relies on, in one round trip. By a statement: poolers in between know
 * few settings of connections.
 */
export async function prepareSession(
  client: pg.ClientBase,
  { schema, ...settings }: { schema: string; idle_in_transaction_session_timeout?: string },
): Promise<void> {
  await client.query(PREPARE, [JSON.stringify({ ...SETTINGS, search_path: pg.escapeIdentifier(schema), ...settings })])
}

/** The schema of Reelay's tables: the parameter `schema` of DATABASE_URL, as Prisma names it, and `public` without one. */
export function readSchema(url: string): string {
  return parseDatabaseUrl(url).schema
}

/** The schema of the job engine's tables, beside Reelay's own. */
export function toQueueSchema(schema: string): string {
  return schema === 'public' ? 'pgboss' : `${schema}_pgboss`
}
