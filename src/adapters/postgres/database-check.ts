import pg from 'pg'
import { StartError, shorten } from '../../errors.ts'
import { toQueueSchema } from './session.ts'

const OLDEST_VERSION = 14
const MAX_TEXT = 500

interface ServerFacts {
  role: string
  database: string
  version: string
  versionNumber: number
  encoding: string
  isStandby: boolean
  isReadOnly: boolean
  mayCreateSchemas: boolean
  mayCreateTemporaryTables: boolean
}

interface SchemaFacts {
  exists: boolean
  mayUse: boolean
  mayCreateTables: boolean
  hasTables: boolean
  /** All of the existing ones. */
  mayUseTables: boolean
}

const READ_SERVER = `
  SELECT current_user AS role, datname AS database, pg_encoding_to_char(encoding) AS encoding,
    current_setting('server_version') AS version, current_setting('server_version_num')::int AS "versionNumber",
    pg_is_in_recovery() AS "isStandby", current_setting('default_transaction_read_only')::bool AS "isReadOnly",
    has_database_privilege(oid, 'CREATE') AS "mayCreateSchemas", has_database_privilege(oid, 'TEMP') AS "mayCreateTemporaryTables"
  FROM pg_database WHERE datname = current_database()`

/** A schema may have foreign tables as well: $2 lists Reelay's, or is null when all are. Migrations are only read. */
const READ_SCHEMA = `
  SELECT n.oid IS NOT NULL AS "exists",
    coalesce(has_schema_privilege(n.oid, 'USAGE'), false) AS "mayUse",
    coalesce(has_schema_privilege(n.oid, 'CREATE'), false) AS "mayCreateTables",
    count(c.oid) > 0 AS "hasTables",
    coalesce(bool_and(has_table_privilege(c.oid, 'SELECT') AND (c.relname = '_prisma_migrations' OR (
      has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')
    ))), true) AS "mayUseTables"
  FROM (SELECT) AS one LEFT JOIN pg_namespace n ON n.nspname = $1
  LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p') AND ($2::text[] IS NULL OR c.relname = ANY($2))
  GROUP BY n.oid`

const TABLES = [
  ...['Job', 'JobUpdate', 'Video', 'JobImage', 'KeptResult', 'IdempotencyKey', 'JobCount', 'JobCountDelta'],
  ...['ProviderPause', '_prisma_migrations'],
]

/**
 * Checks that the database can store Reelay's data, and that the role has the necessary rights.
 * @returns an error text with the rights that a migration would need; null when the role has them
 * @throws StartError that lists all problems with their remedies
 */
export async function checkDatabase(client: pg.ClientBase, schema: string): Promise<string | null> {
  const server = await readFacts<ServerFacts>(client, READ_SERVER, [])
  const problems = findServerProblems(server)
  if (problems.length > 0) throw new StartError(shorten(`cannot start: ${problems.join('; ')}`, MAX_TEXT))

  const queueSchema = toQueueSchema(schema)
  const tables = await readFacts<SchemaFacts>(client, READ_SCHEMA, [schema, TABLES])
  const queue = await readFacts<SchemaFacts>(client, READ_SCHEMA, [queueSchema, null])
  const grants = [...findGrants(server, schema, tables), ...findGrants(server, queueSchema, queue)]
  if (!server.mayCreateTemporaryTables)
    grants.unshift(`GRANT TEMPORARY ON DATABASE ${quote(server.database)} TO ${quote(server.role)}`)
  if (grants.length > 0) throw new StartError(toGrantText(server, grants))
  return tables.exists && !tables.mayCreateTables ? toGrantText(server, [toCreateGrant(server, schema)]) : null
}

async function readFacts<Facts extends pg.QueryResultRow>(
  client: pg.ClientBase,
  sql: string,
  values: unknown[],
): Promise<Facts> {
  const { rows } = await client.query<Facts>(sql, values)
  if (!rows[0]) throw new Error('Postgres returned nothing about the database')
  return rows[0]
}

function findServerProblems(server: ServerFacts): string[] {
  const { database, version, versionNumber, encoding, isStandby, isReadOnly } = server
  const problems: string[] = []
  if (versionNumber < OLDEST_VERSION * 10_000)
    problems.push(`Postgres ${version} is too old: expected ${OLDEST_VERSION} or newer`)
  if (encoding !== 'UTF8')
    problems.push(
      `the database ${quote(database)} has the encoding ${encoding}, which cannot hold all texts: create one with ENCODING 'UTF8' TEMPLATE template0, and set DATABASE_URL to it`,
    )
  if (isStandby)
    problems.push('the Postgres of DATABASE_URL is a standby, which is read-only: set DATABASE_URL to the primary')
  else if (isReadOnly)
    problems.push(
      `the database ${quote(database)} is read-only: free disk space if its disk is full, else set default_transaction_read_only to off for the database and the role`,
    )
  return problems
}

/** The statements that grant the role its missing rights in a schema. */
function findGrants(server: ServerFacts, schema: string, facts: SchemaFacts): string[] {
  const role = quote(server.role)
  if (!facts.exists) return server.mayCreateSchemas ? [] : [`CREATE SCHEMA ${quote(schema)} AUTHORIZATION ${role}`]
  const grants = facts.mayUse ? [] : [`GRANT USAGE ON SCHEMA ${quote(schema)} TO ${role}`]
  if (!facts.hasTables && !facts.mayCreateTables) grants.push(toCreateGrant(server, schema))
  if (!facts.mayUseTables)
    grants.push(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${quote(schema)} TO ${role}`)
  return grants
}

function toCreateGrant({ role }: ServerFacts, schema: string): string {
  return `GRANT CREATE ON SCHEMA ${quote(schema)} TO ${quote(role)}`
}

/** Statements are never cut: those that do not fit are reported at the next start. */
function toGrantText({ role, database }: Pick<ServerFacts, 'role' | 'database'>, grants: string[]): string {
  const isOfPublic = grants.some((grant) => grant.startsWith('GRANT CREATE ON SCHEMA "public"'))
  const instead = isOfPublic ? '; or add ?schema=NAME to DATABASE_URL for a schema that the role owns' : ''
  const text = `cannot start: the role ${quote(role)} lacks rights in the database ${quote(database)}: let its owner run ${grants.join('; ')}${instead}`
  return text.length <= MAX_TEXT || grants.length === 1 ? text : toGrantText({ role, database }, grants.slice(0, -1))
}

const quote = pg.escapeIdentifier
