import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, readFile, stat, writeFile } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPostgresBus } from '../../../src/adapters/bus/postgres.ts'
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../../src/adapters/embedded-postgres/server.ts'
import { openDatabase } from '../../../src/adapters/postgres/client.ts'
import { settleTlsMode, withConnection } from '../../../src/adapters/postgres/connect.ts'
import { deployMigrations } from '../../../src/adapters/postgres/migrations/migrate.ts'
import { openQueue } from '../../../src/adapters/queue.ts'
import { makeTemporaryDirectory, type TemporaryDirectory } from '../../helpers/directories.ts'
import { createTestDatabase, type TestDatabase } from '../../helpers/postgres.ts'
import { until } from '../../helpers/until.ts'

const run = promisify(execFile)

/** The certificate of the server names localhost alone, and is signed by a CA of its own. */
let directory: TemporaryDirectory
let server: EmbeddedPostgres
let plain: TestDatabase
const warnings: Error[] = []
const keepWarning = (warning: Error) => void warnings.push(warning)

beforeAll(async () => {
  process.on('warning', keepWarning)
  directory = await makeTemporaryDirectory('reelay-tls')
  server = await openEmbeddedPostgres({ dataDir: directory.path, durable: false })
  plain = await createTestDatabase()
  await makeCertificates(directory.path)
  await turnTlsOn()
}, 90_000)

afterAll(async () => {
  await server?.stop()
  await plain?.drop()
  await directory?.remove()
  process.off('warning', keepWarning)
})

async function openssl(...words: string[]): Promise<void> {
  await run('openssl', words, { cwd: directory.path })
}

/** With keys of elliptic curves: they are made at once. */
async function makeCertificates(path: string): Promise<void> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  for (const name of ['ca', 'other-ca'])
    await openssl('req', '-x509', ...key, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=${name}`)
  await writeFile(join(path, 'names'), 'subjectAltName=DNS:localhost')
  const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names']
  for (const [file, name] of [
    ['server', 'localhost'],
    ['client', 'only_certificate'],
  ]) {
    await openssl('req', ...key, '-keyout', `${file}.key`, '-out', `${file}.csr`, '-subj', `/CN=${name}`)
    await openssl('x509', '-req', '-in', `${file}.csr`, ...signer, '-out', `${file}.pem`)
  }
}

async function turnTlsOn(): Promise<void> {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory')
  const data = rows[0]?.data_directory ?? ''
  const { uid, gid } = await stat(data)
  await chown(join(directory.path, 'server.key'), uid, gid)
  await chmod(join(directory.path, 'server.key'), 0o600)
  await client.query(`CREATE ROLE only_tls LOGIN SUPERUSER PASSWORD 'p'`)
  await client.query('CREATE ROLE only_certificate LOGIN')
  await client.query(`CREATE ROLE only_plain LOGIN SUPERUSER PASSWORD 'p'`)
  const rules = await readFile(join(data, 'pg_hba.conf'), 'utf8')
  const own = [
    'hostnossl all only_tls all reject',
    'hostssl all only_plain all reject',
    'hostssl all only_certificate all cert',
  ]
  await writeFile(join(data, 'pg_hba.conf'), [...own, rules].join('\n'))
  await client.query(`ALTER SYSTEM SET ssl_ca_file = '${join(directory.path, 'ca.pem')}'`)
  await client.query(`ALTER SYSTEM SET ssl_cert_file = '${join(directory.path, 'server.pem')}'`)
  await client.query(`ALTER SYSTEM SET ssl_key_file = '${join(directory.path, 'server.key')}'`)
  await client.query('ALTER SYSTEM SET ssl = on')
  await client.query('SELECT pg_reload_conf()')
  await client.end()
  await until(async () => (await connect({ query: 'sslmode=require' }).catch(() => '')) === 'TLS', {
    what: 'the server to take TLS',
  })
}

/** The URL of the server with TLS. */
function toUrl({
  host = 'localhost',
  user = 'only_tls',
  query,
}: {
  host?: string
  user?: string
  query: string
}): string {
  const url = new URL(server.url)
  return `postgres://${user}:p@${host}:${url.port}/postgres?${query.replaceAll('DIR', directory.path)}`
}

/** Whether a connection to the URL uses TLS. */
async function probe(url: string): Promise<string> {
  return await withConnection(await settleTlsMode(url), { name: 'reelay-test' }, async (client) => {
    const { rows } = await client.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
    return rows[0]?.ssl ? 'TLS' : 'plain'
  })
}

const connect = (options: Parameters<typeof toUrl>[0]) => probe(toUrl(options))

describe('a server with TLS and a certificate of a private CA is reached as libpq does', () => {
  test.each<[query: string, outcome: string]>([
    ['', 'TLS'],
    ['sslmode=prefer', 'TLS'],
    ['sslmode=allow', 'TLS'],
    ['sslmode=require', 'TLS'],
    ['ssl=true', 'TLS'],
    ['sslmode=no-verify', 'TLS'],
    ['uselibpqcompat=true&sslmode=require', 'TLS'],
    ['sslmode=require&channel_binding=require', 'TLS'],
    ['sslmode=require&sslrootcert=DIR/ca.pem', 'TLS'],
    ['sslmode=verify-ca&sslrootcert=DIR/ca.pem', 'TLS'],
    ['sslmode=verify-full&sslrootcert=DIR/ca.pem', 'TLS'],
    ['sslmode=require&sslrootcert=DIR/other-ca.pem', 'TLS failed (SELF_SIGNED_CERT_IN_CHAIN). Write sslrootcert='],
    ['sslmode=verify-ca&sslrootcert=DIR/other-ca.pem', 'TLS failed (SELF_SIGNED_CERT_IN_CHAIN). Write sslrootcert='],
    ['sslmode=verify-full', 'TLS failed (SELF_SIGNED_CERT_IN_CHAIN). Write sslrootcert='],
    ['sslmode=verify-full&sslrootcert=system', 'TLS failed (SELF_SIGNED_CERT_IN_CHAIN). Write sslrootcert='],
    ['sslmode=disable', 'a server that demands TLS needs sslmode=require.'],
  ])('%s: %s', async (query, outcome) => {
    expect(await connect({ query }).catch(String)).toContain(outcome)
  })

  test('verify-ca ignores the name, verify-full checks it', async () => {
    const query = 'sslrootcert=DIR/ca.pem'
    expect(await connect({ host: '127.0.0.1', query: `${query}&sslmode=verify-ca` })).toBe('TLS')
    expect(await connect({ host: '127.0.0.1', query: `${query}&sslmode=require` })).toBe('TLS')
    await expect(connect({ host: '127.0.0.1', query: `${query}&sslmode=verify-full` })).rejects.toThrow(
      'its certificate is not for this host (ERR_TLS_CERT_ALTNAME_INVALID)',
    )
  })

  test('prefer and allow do without TLS where the server requires that', async () => {
    expect(await connect({ user: 'only_plain', query: '' })).toBe('plain')
    expect(await connect({ user: 'only_plain', query: 'sslmode=allow' })).toBe('plain')
  })

  test('a role is authenticated by its certificate', async () => {
    const query = 'sslmode=verify-full&sslrootcert=DIR/ca.pem'
    const files = '&sslcert=DIR/client.pem&sslkey=DIR/client.key'
    expect(await connect({ user: 'only_certificate', query: query + files })).toBe('TLS')
    await expect(connect({ user: 'only_certificate', query })).rejects.toThrow('certificate')
  })

  test('every user of the database connects in the same mode, and no library warns', async () => {
    const url = toUrl({ host: '127.0.0.1', query: 'sslmode=verify-ca&sslrootcert=DIR/ca.pem' })
    const onError = (error: unknown) => {
      throw error
    }
    await deployMigrations({ connectionString: url })
    const db = openDatabase({ url, onError })
    const queue = await openQueue({ url, onError })
    const bus = await openPostgresBus({ url, onNotification: () => {}, onResync: () => {}, onError })
    await Promise.all([db.job.count(), queue.findTasks([])])
    const rows = await db.$queryRaw`
      SELECT DISTINCT application_name AS name, ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
      WHERE usename = 'only_tls' ORDER BY 1`
    await Promise.all([bus.stop(), queue.stop(), db.$disconnect()])
    expect(rows).toEqual(['reelay', 'reelay-bus', 'reelay-queue'].map((name) => ({ name, ssl: true })))
    expect(warnings).toEqual([])
  })
})

describe('a server without TLS', () => {
  const reach = (query: string) => probe(`${plain.url}?${query}`)

  test.each(['', 'sslmode=prefer', 'sslmode=allow', 'sslmode=disable', 'ssl=false'])(
    'is reached by "%s"',
    async (query) => {
      expect(await reach(query)).toBe('plain')
    },
  )

  test.each(['require', 'no-verify', 'verify-full'])('is refused by %s with an explanation', async (mode) => {
    await expect(reach(`sslmode=${mode}`)).rejects.toThrow(`sslmode=${mode} needs one with TLS.`)
  })

  test('a refused password is reported as such', async () => {
    const wrong = new URL(plain.url)
    wrong.password = 'wrong'
    await expect(probe(wrong.href)).rejects.toThrow('password authentication failed')
  })

  test('is reached by a Unix socket in every form and sslmode', async () => {
    const { hostname, port, username, password, pathname } = new URL(plain.url)
    const front = createServer((socket) => {
      const back = createConnection(Number(port), hostname)
      socket.pipe(back).pipe(socket)
      for (const end of [socket, back]) end.on('error', () => {})
    })
    front.listen(join(directory.path, '.s.PGSQL.5433'))
    await once(front, 'listening')
    const login = `${username}:${password}`
    for (const url of [
      `postgresql://${login}@${pathname}?host=${directory.path}&port=5433&sslmode=require`,
      `postgresql://${login}@localhost:5433${pathname}?host=${directory.path}`,
      `postgresql://${login}@${encodeURIComponent(directory.path)}:5433${pathname}`,
      `postgresql://${pathname}?user=${username}&password=${password}&host=${directory.path}&port=5433`,
    ])
      expect(await probe(url)).toBe('plain')
    front.close()
    await once(front, 'close')
  })
})
