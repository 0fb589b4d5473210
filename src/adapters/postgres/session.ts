import pg from 'pg'
import { parseDatabaseUrl } from './database-url.ts'

/**
 * Settings that the code relies on, whatever the server, the database or the role has set: Prisma reads every time as
 * UTC in ISO form, and a stricter isolation level would add conflicts to statements that are not retried.
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
  // Callers have their own time limits, and idle connections are intended.
  statement_timeout: '0',
  lock_timeout: '0',
  transaction_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
}

/** Older servers lack some settings. Without synchronous commits a crash could undo the record of a paid job. */
const PREPARE = `
  SELECT set_config(key, value, false) FROM json_each_text($1) WHERE current_setting(key, true) IS NOT NULL
  UNION ALL
  SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`

/** Applies the settings in one round trip. By a statement, because poolers pass on few start-up settings. */
export async function prepareSession(
  client: pg.ClientBase,
  { schema, ...settings }: { schema: string; idle_in_transaction_session_timeout?: string },
): Promise<void> {
  await client.query(PREPARE, [JSON.stringify({ ...SETTINGS, search_path: pg.escapeIdentifier(schema), ...settings })])
}

/** The schema of Reelay's tables: the parameter `schema` of DATABASE_URL, as for Prisma, by default `public`. */
export function readSchema(url: string): string {
  return parseDatabaseUrl(url).schema
}

/** The schema of the job engine's tables, beside Reelay's own. */
export function toQueueSchema(schema: string): string {
  return schema === 'public' ? 'pgboss' : `${schema}_pgboss`
}
