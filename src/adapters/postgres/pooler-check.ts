import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { StartError } from '../../errors.ts'
import { withConnection } from './connect.ts'
import { prepareSession, readSchema } from './session.ts'

const CONNECTION = { name: 'reelay-check', connectionTimeoutMillis: 3_000, query_timeout: 3_000 }
/** Longest list of statements in an error, in characters. */
const MAX_STATEMENTS = 280

/**
 * Detects a pooler in transaction mode in front of Postgres. Such a pooler serves requests well, but loses what lasts
 * longer than a transaction: the settings of a session, and LISTEN.
 * @returns a warning for the operator; null when there is none
 * @throws StartError when the pooler's sessions lack settings that Reelay needs
 */
export async function checkPooler(
  url: string,
  // A notification takes a millisecond, and hundreds on a busy machine.
  { needsNotifications, waitMs = 2_000 }: { needsNotifications: boolean; waitMs?: number },
): Promise<string | null> {
  // A failure of this check also fails the next steps of the start, which report it.
  if (await keepsSessions(url, waitMs).catch(() => true)) return null
  await requireSessionDefaults(url)
  if (!needsNotifications) return null
  return 'notifications of Postgres do not arrive, as behind a pooler in transaction mode, so updates of other processes arrive up to 5 s late: use session pooling, connect to Postgres directly, or set REDIS_URL'
}

/** Whether a connection has a session to itself. Without one, LISTEN succeeds, but other connections are not heard. */
async function keepsSessions(url: string, waitMs: number): Promise<boolean> {
  const channel = `reelay_${randomUUID()}`
  const heard = Promise.withResolvers<boolean>()
  return await withConnection(url, CONNECTION, async (listener) => {
    listener.on('notification', () => heard.resolve(true))
    await prepareSession(listener, { schema: readSchema(url) })
    await listener.query(`LISTEN ${pg.escapeIdentifier(channel)}`)
    // Sent by another connection: a connection's own notifications arrive with the response even through a pooler.
    await withConnection(url, CONNECTION, (sender) => sender.query('SELECT pg_notify($1, $2)', [channel, '']))
    const timer = setTimeout(() => heard.resolve(false), waitMs)
    return await heard.promise.finally(() => clearTimeout(timer))
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
 * Checks that new sessions have the settings that Reelay needs, because a pooler loses what is set later.
 * @throws StartError with the statements that set them for the role
 */
async function requireSessionDefaults(url: string): Promise<void> {
  const schema = readSchema(url)
  const defaults = await withConnection(url, CONNECTION, readDefaults)
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
  // Statements are never cut: those that do not fit are reported at the next start.
  const shown = statements.filter((_, index) => statements.slice(0, index + 1).join('; ').length <= MAX_STATEMENTS)
  throw new StartError(
    `cannot start: a pooler in transaction mode loses the settings of a session: use session pooling, connect to Postgres directly, or run ${shown.join('; ')} and let the pooler reconnect (RECONNECT in PgBouncer)`,
  )
}

async function readDefaults(client: pg.Client): Promise<Defaults> {
  const names = ['search_path', 'TimeZone', 'DateStyle', 'default_transaction_isolation']
  // An earlier client may have changed the settings of the server connection.
  const reset = names.map((name) => `SET LOCAL ${name} TO DEFAULT;`).join(' ')
  const results: unknown = await client.query(`BEGIN; ${reset}
    SELECT current_user AS role, current_database() AS database, current_schema() AS schema, current_setting('TimeZone') AS zone,
      current_setting('DateStyle') AS dates, current_setting('default_transaction_isolation') AS isolation;
    ROLLBACK`)
  // pg's types allow only one result to a query.
  const rows = (results as pg.QueryResult<Defaults>[]).flatMap((result) => result.rows)
  if (!rows[0]) throw new Error('Postgres returned no settings')
  return rows[0]
}
