import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { StartError } from '../../errors.ts'
import { toConnectionOptions } from './connection-options.ts'
import { PgClient } from './pg-client.ts'
import { prepareSession, readSchema } from './session.ts'

const CONNECT_MS = 3_000
/** How much of an error they may be, in characters. */
const MAX_STATEMENTS = 280

/**
 * Looks whether a pooler that shares its connections between transactions stands before Postgres. It serves requests well
 * and loses what is between them: what a session was set to, and LISTEN.
 * @returns what an operator should know; null when there is nothing
 * @throws StartError when the sessions that it leads to are not as Reelay needs them
 */
export async function checkPooler(
  url: string,
  // A notification takes a millisecond; on a busy machine, some hundred.
  { needsNotifications, waitMs = 2_000 }: { needsNotifications: boolean; waitMs?: number },
): Promise<string | null> {
  // What is in the way of this look is in the way of all that follows, and told there.
  if (await keepsSessions(url, waitMs).catch(() => true)) return null
  await requireSessionDefaults(url)
  if (!needsNotifications) return null
  return 'notifications of Postgres do not arrive, as behind a pooler in transaction mode, and updates of other processes come up to 5 s late: let it pool by session, connect to Postgres directly, or set REDIS_URL'
}

/**
 * Whether a connection has a session of Postgres to itself. Where it has not, LISTEN is taken, and what another connection
 * notifies of never arrives.
 */
async function keepsSessions(url: string, waitMs: number): Promise<boolean> {
  const channel = `reelay_${randomUUID()}`
  const heard = Promise.withResolvers<true>()
  return await withClient(url, async (listener) => {
    listener.on('notification', () => heard.resolve(true))
    await prepareSession(listener, { schema: readSchema(url) })
    await listener.query(`LISTEN ${pg.escapeIdentifier(channel)}`)
    // By another connection: its own notifications come with the answer, whatever stands in between.
    await withClient(url, (sender) => sender.query('SELECT pg_notify($1, $2)', [channel, '']))
    const waiting = new AbortController()
    const late = sleep(waitMs, false, { signal: waiting.signal }).catch(() => false)
    try {
      return await Promise.race([heard.promise, late])
    } finally {
      waiting.abort()
    }
  })
}

interface Defaults {
  role: string
  database: string
  schema: string | null
  zone: string
  dates: string
  isolation: string
}

/**
 * Looks whether sessions are as Reelay needs them from their beginning on, for a pooler that loses what is set later.
 * @throws StartError that says how to set it for the role
 */
async function requireSessionDefaults(url: string): Promise<void> {
  const schema = readSchema(url)
  const defaults = await withClient(url, readDefaults)
  const role = pg.escapeIdentifier(defaults.role)
  const settings = [
    ...(defaults.schema === schema ? [] : [`search_path = ${pg.escapeIdentifier(schema)}`]),
    ...(/^(Etc\/)?(UTC|UCT|GMT|Universal|Zulu)$/i.test(defaults.zone) ? [] : [`TimeZone = 'UTC'`]),
    ...(defaults.dates.startsWith('ISO') ? [] : [`DateStyle = 'ISO'`]),
    ...(defaults.isolation === 'read committed' ? [] : [`default_transaction_isolation = 'read committed'`]),
  ]
  if (settings.length === 0) return
  const statements = settings.map(
    (setting) => `ALTER ROLE ${role} IN DATABASE ${pg.escapeIdentifier(defaults.database)} SET ${setting}`,
  )
  // Told whole: those that do not fit are told at the next start.
  const told = statements.filter((_, index) => statements.slice(0, index + 1).join('; ').length <= MAX_STATEMENTS)
  throw new StartError(
    `cannot start: a pooler in transaction mode forgets what a session is set to: let it pool by session, connect to Postgres directly, or run ${told.join('; ')} and let the pooler connect anew (RECONNECT in PgBouncer)`,
  )
}

async function readDefaults(client: pg.Client): Promise<Defaults> {
  const names = ['search_path', 'TimeZone', 'DateStyle', 'default_transaction_isolation']
  // The server connection may be one whose settings were changed by whoever had it before.
  const reset = names.map((name) => `SET LOCAL ${name} TO DEFAULT;`).join(' ')
  const results: unknown = await client.query(`BEGIN; ${reset}
    SELECT current_user AS role, current_database() AS database, current_schema() AS schema, current_setting('TimeZone') AS zone,
      current_setting('DateStyle') AS dates, current_setting('default_transaction_isolation') AS isolation;
    ROLLBACK`)
  // pg's types know of one result to a query.
  const rows = (results as pg.QueryResult<Defaults>[]).flatMap((result) => result.rows)
  if (!rows[0]) throw new Error('Postgres said nothing about its settings')
  return rows[0]
}

async function withClient<Answer>(url: string, act: (client: pg.Client) => Promise<Answer>): Promise<Answer> {
  const client = new PgClient({
    application_name: 'reelay-check',
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: CONNECT_MS,
    ...toConnectionOptions(url),
  })
  client.on('error', () => {}) // the query that was under way fails, and says it
  try {
    await client.connect()
    return await act(client)
  } finally {
    await client.end().catch(() => {})
  }
}
