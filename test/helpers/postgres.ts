import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

export interface TestDatabase {
  url: string
  /** Closes the remaining connections and drops the database. */
  drop(): Promise<void>
}

/**
 * Creates a database for this test file, with the schema and the job engine's tables, in about 20 ms. For `beforeAll`;
 * `drop()` it in `afterAll`. With `{ empty: true }` the database is empty.
 */
export async function createTestDatabase({ empty = false }: { empty?: boolean } = {}): Promise<TestDatabase> {
  const { url, template } = inject('postgres')
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await administer(`create database ${name} template ${empty ? 'template0' : template}`)
  const own = new URL(url)
  own.pathname = name
  return { url: own.href, drop: () => drop(name) }
}

async function drop(name: string): Promise<void> {
  await administer(`drop database if exists ${name} with (force)`)
}

export interface ForeignDatabase extends TestDatabase {
  /** Name of the database and of the role. The role has only the rights that every role has. */
  name: string
  /** Runs SQL in the database as its administrator. */
  administer(sql: string): Promise<pg.QueryResult>
}

/** Settings that an administrator may have made for a role, each of which breaks code that relies on defaults. */
const ODD_SETTINGS = {
  ...{ TimeZone: 'Asia/Kolkata', DateStyle: 'SQL, DMY', IntervalStyle: 'sql_standard', client_encoding: 'LATIN1' },
  ...{ bytea_output: 'escape', extra_float_digits: '-10', standard_conforming_strings: 'off' },
  ...{ default_transaction_isolation: 'serializable', synchronous_commit: 'off', search_path: 'nowhere' },
  ...{ statement_timeout: '250ms', lock_timeout: '1ms', idle_session_timeout: '300ms' },
  idle_in_transaction_session_timeout: '20ms',
}

/** An empty database on a foreign server, with a role that has unusual settings; the URL is that of the role. */
export async function createForeignDatabase({ encoding = 'UTF8' } = {}): Promise<ForeignDatabase> {
  const name = `foreign_${randomUUID().slice(0, 8)}`
  await administer(`create database ${name} template template0 encoding '${encoding}'`)
  await administer(`create role ${name} login password 'a secret'`)
  for (const [setting, value] of Object.entries(ODD_SETTINGS))
    await administer(`alter role ${name} set ${setting} = '${value}'`)
  const admin = new URL(inject('postgres').url)
  admin.pathname = name
  const own = new URL(admin)
  own.username = name
  own.password = 'a secret'
  return {
    url: own.href,
    name,
    administer: (sql) => administer(sql, admin.href),
    drop: async () => {
      await drop(name)
      await administer(`drop role ${name}`)
    },
  }
}

async function administer(sql: string, url = inject('postgres').url): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(sql)
  } finally {
    await client.end()
  }
}
