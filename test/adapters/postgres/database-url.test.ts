import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { toConnectionOptions } from '../../../src/adapters/postgres/connection-options.ts'
import { type DatabaseAddress, parseDatabaseUrl, toServerName } from '../../../src/adapters/postgres/database-url.ts'
import { readConfig } from '../../../src/config.ts'
import { StartError } from '../../../src/errors.ts'

const directory = mkdtempSync(join(tmpdir(), 'reelay-url-'))
const EMPTY = join(directory, 'empty.pem')
writeFileSync(EMPTY, 'nothing\n')
afterAll(() => rmSync(directory, { recursive: true }))

/** Without the environment of the test run. */
const parse = (url: string) => parseDatabaseUrl(url, {})

/** What the start says of DATABASE_URL. */
function findProblem(DATABASE_URL: string): string {
  try {
    readConfig({ DATABASE_URL })
  } catch (error) {
    if (error instanceof StartError) return error.message
    throw error
  }
  return ''
}

describe('a URL is read as libpq reads it', () => {
  test.each<[string, Partial<DatabaseAddress>]>([
    ['postgres://h', { host: 'h', port: undefined, user: undefined, database: undefined, tlsMode: 'prefer' }],
    ['postgresql://u:p@db.example.com:5433/reelay', { host: 'db.example.com', port: 5433, database: 'reelay' }],
    ['postgres://u:p@[fd00::5]:5433/db', { host: 'fd00::5', port: 5433 }],
    ['postgres://u:p@10.0.0.7:/db', { host: '10.0.0.7', port: undefined }],
    ['postgres://u:p@dätenbank/db', { host: 'dätenbank' }],
    ['postgres://u:p@reelay_db/db', { host: 'reelay_db' }],
    ['postgresql://u:p@/db?host=/cloudsql/project:region:x', { host: '/cloudsql/project:region:x', user: 'u' }],
    ['postgresql://u:p@localhost/db?host=/dir', { host: '/dir', database: 'db' }],
    ['postgresql:///db?host=/dir', { host: '/dir', database: 'db' }],
    ['postgresql://u:p@%2Fdir:5433/db', { host: '/dir', port: 5433, tlsMode: 'disable' }],
    ['postgresql:///db?host=/dir&sslmode=require', { tlsMode: 'disable' }],
    [
      'postgresql:///?host=h&port=5433&user=u&password=p%26q&dbname=db',
      { host: 'h', port: 5433, user: 'u', password: 'p&q', database: 'db' },
    ],
    ['postgres://u:p@h/a%20b%2Fc', { database: 'a b/c' }],
    ['postgres://sa%40project.iam@h/db', { user: 'sa@project.iam', password: undefined }],
    ['postgres://u@h/db?sslmode=verify-full&sslrootcert=/ca.pem', { tlsMode: 'verify-full' }],
    ['postgres://u@h/db?sslrootcert=system', { tlsMode: 'verify-full' }],
    ['postgres://u@h/db?ssl=true', { tlsMode: 'require' }],
    ['postgres://u@h/db?ssl=0', { tlsMode: 'disable' }],
    ['postgres://u@h/db?sslmode=require&channel_binding=require', { tlsMode: 'require', usesChannelBinding: true }],
    ['postgres://u@h/db?options=-c%20geqo%3Doff+x', { options: '-c geqo=off+x' }],
    [
      'postgres://u@h/db?application_name=mine&connect_timeout=10',
      { applicationName: 'mine', connectTimeoutSeconds: 10 },
    ],
    ['postgres://u@h/db?keepalives=1&keepalives_idle=30', { keepaliveIdleSeconds: 30 }],
    ['postgres://u@h/db?schema=reelay_2', { schema: 'reelay_2' }],
    ['postgres://u@h/db?options=-c%20timezone%3DUTC%20-c%20search_path%3Dpublic', { schema: 'public' }],
    ['postgres://u@h/db?schema=a&options=--search-path=%22a%22', { schema: 'a' }],
    ['postgres://u@h/db?schema=&sslmode=', { schema: 'public', tlsMode: 'prefer' }],
    ['postgres://u@h/db?target_session_attrs=read-write&gssencmode=disable&client_encoding=utf8', { host: 'h' }],
  ])('%s', (url, part) => {
    expect(parse(url)).toMatchObject(part)
  })

  test.each(['@', '%', '[', ']', ':', '+', '&', 'ä', '€', '#', '/', '?', ' ', '"', "'", '\\', ',', '=', '%41'])(
    'a password may contain an escaped %s',
    (character) => {
      const password = `${character}p${character}`
      const url = `postgres://${encodeURIComponent(password)}:${encodeURIComponent(password)}@h/db`
      expect(parse(url)).toMatchObject({ user: password, password, host: 'h', database: 'db' })
    },
  )

  test('unambiguous characters of a password need no escape', () => {
    const password = `@%[]:+&ä€,='"`
    expect(parse(`postgres://u:${password}@h/db`)).toMatchObject({ password, host: 'h' })
  })

  test('libpq’s environment variables fill the gaps', () => {
    const environment = { PGHOST: '/dir', PGPORT: '5433', PGUSER: 'u', PGSSLMODE: 'require' }
    expect(parseDatabaseUrl('postgres:///db', environment)).toMatchObject({ host: '/dir', port: 5433, user: 'u' })
    expect(parseDatabaseUrl('postgres://h/db', environment)).toMatchObject({ host: 'h', tlsMode: 'require' })
    expect(() => parseDatabaseUrl('postgres://h/db', { PGSSLMODE: 'x' })).toThrow('PGSSLMODE is none of disable')
  })

  test('the default user is the one of the process', () => {
    expect(toConnectionOptions('postgres://h/db').user).toBe(process.env.PGUSER ?? userInfo().username)
  })

  test('the parameters reach pg', () => {
    expect(
      toConnectionOptions(
        'postgres://u:p@h:5433/db?application_name=mine&connect_timeout=10&keepalives_idle=30&options=-c%20geqo%3Doff&schema=s&sslmode=require&channel_binding=require',
      ),
    ).toEqual({
      host: 'h',
      port: 5433,
      user: 'u',
      password: 'p',
      database: 'db',
      application_name: 'mine',
      connectionTimeoutMillis: 10_000,
      keepAliveInitialDelayMillis: 30_000,
      options: '-c geqo=off',
      enableChannelBinding: true,
      ssl: { rejectUnauthorized: false, checkServerIdentity: expect.any(Function), secureContext: expect.anything() },
    })
  })

  test('only the address of the server is shown', () => {
    expect(toServerName('postgres://u:p@h/db')).toBe('h:5432')
    expect(toServerName('postgres://u:p@[::1]:5433/db')).toBe('[::1]:5433')
    expect(toServerName('postgres://u:p@/db?host=/dir')).toBe('/dir/.s.PGSQL.5432')
  })

  test('a trailing line break is ignored', () => {
    expect(readConfig({ DATABASE_URL: ' postgres://h/db\n' }).databaseUrl).toBe('postgres://h/db')
  })
})

const SCHEME = 'must begin with postgres:// or postgresql://, or be "embedded"'
const ESCAPES =
  'is not a valid URL: characters such as # / ? @ % in the user, the password, the database or a value must be escaped (%23 %2F %3F %40 %25)'
const HOSTS = 'names several hosts, of which none is chosen: name the one that takes writes'
const PORT = 'must have a port from 1 to 65535; an IPv6 address stands in brackets'
const HOST = 'has a host that is neither a name, nor an IP address (IPv6 in brackets), nor the directory of a socket'
const QUOTES = 'is in quotes, which are part of the value: remove them'

describe('an invalid URL is refused with the rule it breaks, and never repeated', () => {
  test.each<[string, string]>([
    ['mysql://u:hunter2@h/db', SCHEME],
    ['postgres:/h/db', SCHEME],
    ['postgres://', SCHEME],
    ['jdbc:postgresql://h/db', SCHEME],
    ['host=h dbname=db', SCHEME],
    ['"postgres://u:hunter2@h/db"', QUOTES],
    ["'postgres://u:hunter2@h/db'", QUOTES],
    ['postgres://u:hunt#er2@h/db', ESCAPES],
    ['postgres://u:hunt/er2@h/db', ESCAPES],
    ['postgres://u:hunt?er2@h/db', ESCAPES],
    ['postgres://u:hunt@er2/x@h/db', ESCAPES],
    ['postgres://u:hunt@er2?x=y@h/db', ESCAPES],
    ['postgres://h/db?password=hunter#2', ESCAPES],
    ['postgres://u:p@h/db/more', ESCAPES],
    ['postgres://u:hunter2%E4@h/db', 'is not a valid URL: what is escaped must be UTF-8 (ä is %C3%A4), without %00'],
    ['postgres://u:hunter2%00@h/db', 'is not a valid URL: what is escaped must be UTF-8 (ä is %C3%A4), without %00'],
    ['postgresql://u:hunter2@h1:5432,h2:5432/db', HOSTS],
    ['postgresql:///db?host=h1,h2', HOSTS],
    ['postgresql://u:hunter2@h:0/db', PORT],
    ['postgresql://u:hunter2@h:65536/db', PORT],
    ['postgresql://u:hunter2@::1/db', PORT],
    ['postgresql://u:hunter2', PORT],
    ['postgresql://u:hunter2@[h/db', HOST],
    ['postgresql://u:hunter2@"h"/db', HOST],
    ['postgresql://u:hunter2@$HOST/db', HOST],
    ['postgres://h/db?schema=a&schema=b', 'has the parameter schema twice: leave one'],
    ['postgres://h/db?password=hunter&2', 'has a parameter without "=": an & in a value must be escaped (%26)'],
    [
      'postgres://h/db?password=x&hunter2=x',
      'has a parameter that is not supported, perhaps for an & that must be escaped (%26)',
    ],
    ['postgres://h/db?connection_limit=5', 'has the parameter connection_limit, which is not supported: remove it'],
    ['postgres://h/db?pool_timeout=0', 'has the parameter pool_timeout, which is not supported: remove it'],
    ['postgres://h/db?unheard%0Aof=', 'has the parameter unheard?of, which is not supported: remove it'],
    ['postgres://h/db?__proto__=x', 'has the parameter __proto__, which is not supported: remove it'],
    ['postgres://h/db?toString=x', 'has the parameter toString, which is not supported: remove it'],
    ['postgres://h/db?hostaddr=10.0.0.7', 'has the parameter hostaddr, which is not supported: write host'],
    [
      'postgres://h/db?pgbouncer=true',
      'has the parameter pgbouncer, which is not supported: remove it, and connect to Postgres itself or to a pooler in session mode (at Supabase, port 5432)',
    ],
    [
      'postgres://h/db?sslmode=required',
      'has a value of sslmode that is not supported: write one of disable, allow, prefer, require, verify-ca, verify-full, no-verify',
    ],
    ['postgres://h/db?client_encoding=latin1', 'has a value of client_encoding that is not supported: write UTF8'],
    [
      'postgres://h/db?target_session_attrs=standby',
      'has a value of target_session_attrs that is not supported: write one of any, read-write, primary',
    ],
    [
      'postgres://h/db?gssencmode=require',
      'has a value of gssencmode that is not supported: write one of disable, prefer',
    ],
    ['postgres://h/db?sslnegotiation=direct', 'has a value of sslnegotiation that is not supported: write postgres'],
    [
      'postgres://h/db?connect_timeout=0',
      'has a value of connect_timeout that is not supported: write a whole number of seconds from 1 to 60',
    ],
    [
      'postgres://h/db?schema=pg_x',
      'has a value of schema that is not supported: write letters, digits and underscores, at first neither a digit nor pg_',
    ],
    ...['-c%20search_path%3Dhunt', '-csearch_path=hunt,public', '-c%20geqo=off%20--Search-Path=%5C%24user'].map(
      (options): [string, string] => [
        `postgres://h/db?options=${options}`,
        'has a search_path in its options, which is not supported: write schema=NAME, and leave it out there',
      ],
    ),
    ['postgres://h/db?ssl=true&sslmode=require', 'has both ssl and sslmode: leave sslmode'],
    [
      'postgres://h/db?sslmode=verify-ca',
      'has sslmode=verify-ca without a CA: add sslrootcert=/path/ca.pem, or write sslmode=verify-full',
    ],
    ['postgres://h/db?sslmode=require&sslrootcert=system', 'has sslrootcert=system, which needs sslmode=verify-full'],
    ['postgres://h/db?sslcert=/x.pem', 'must have sslcert and sslkey together'],
    [
      'postgres://h/db?channel_binding=require',
      'has channel_binding=require, which needs sslmode=require, verify-ca or verify-full',
    ],
    [
      'postgres://h/db?sslmode=verify-full&sslrootcert=/nowhere.pem',
      'names an sslrootcert that cannot be read (ENOENT): /nowhere.pem',
    ],
    [
      `postgres://h/db?sslmode=require&sslcert=${EMPTY}&sslkey=/nowhere.pem`,
      'names an sslkey that cannot be read (ENOENT): /nowhere.pem',
    ],
    [
      `postgres://h/db?sslmode=require&sslrootcert=${EMPTY}`,
      `names an sslrootcert that holds no certificate in PEM form: ${EMPTY}`,
    ],
    [
      `postgres://h/db?sslmode=require&sslcert=${EMPTY}&sslkey=${EMPTY}`,
      'names a pair of sslcert and sslkey that cannot be used (ERR_OSSL_PEM_NO_START_LINE)',
    ],
  ])('%s', (url, problem) => {
    const message = findProblem(url)
    expect(message).toBe(`cannot start: DATABASE_URL ${problem}`)
    expect(message.length).toBeLessThanOrEqual(500)
    expect(message).not.toMatch(/hunt|er2/)
  })

  test('all unsupported parameters are reported together', () => {
    expect(findProblem('postgres://h/db?pool_timeout=1&sslmode=x&connection_limit=2').split('\n')).toEqual([
      'cannot start:',
      expect.stringContaining('- DATABASE_URL has a value of sslmode'),
      expect.stringContaining('- DATABASE_URL has the parameter pool_timeout'),
      expect.stringContaining('- DATABASE_URL has the parameter connection_limit'),
    ])
  })
})
