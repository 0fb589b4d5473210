import pg from 'pg'
import { DatabaseUnavailableError, StartError, shorten } from '../../errors.ts'
import { toConnectionOptions } from './connection-options.ts'
import { parseDatabaseUrl, type TlsMode, toServerName } from './database-url.ts'
import { PgClient } from './pg-client.ts'

const CONNECT_TIMEOUT_MS = 10_000
const INVALID_AUTHORIZATION = '28000'

/** What libpq tries one after the other. */
const TLS_ATTEMPTS: Partial<Record<TlsMode, readonly TlsMode[]>> = {
  prefer: ['require', 'disable'],
  allow: ['disable', 'require'],
}

/**
 * Connects for the start, or for a command. Whoever gets the client ends it.
 * @param name - shown by Postgres as whose connection it is, unless the URL names another
 * @throws StartError with what to do, when there is no connection to be had
 */
export async function connectPostgres(url: string, name: string): Promise<pg.Client> {
  const client = new PgClient({
    application_name: name,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...toConnectionOptions(url),
  })
  client.on('error', () => {}) // the query that was under way fails, and says it
  try {
    await client.connect()
    return client
  } catch (error) {
    const cause = error instanceof DatabaseUnavailableError ? error.cause : error
    const { database = '', user = '' } = client
    throw new StartError(
      `cannot connect to Postgres at ${shorten(toServerName(url), 100)}, database "${shorten(database, 60)}", user "${shorten(user, 60)}": ${describe(cause, parseDatabaseUrl(url).tlsMode)}`,
      { cause },
    )
  }
}

/**
 * Tries how the server is reached in the modes `prefer`, which is the default, and `allow`: with TLS and without it, as libpq
 * does at each connection. Answers the URL with a mode that says which, for all connections that follow.
 * @throws StartError as connectPostgres does
 */
export async function settleTlsMode(url: string): Promise<string> {
  const attempts = TLS_ATTEMPTS[parseDatabaseUrl(url).tlsMode]
  if (!attempts) return url
  const failures: StartError[] = []
  for (const mode of attempts) {
    const settled = withTlsMode(url, mode)
    try {
      const client = await connectPostgres(settled, 'reelay-start')
      await client.end()
      return settled
    } catch (error) {
      if (!(error instanceof StartError) || isUnreachable(error.cause)) throw error
      failures.push(error)
    }
  }
  // What Postgres itself refuses is nearer to the reason than that it has no TLS.
  throw failures.find(({ cause }) => cause instanceof pg.DatabaseError) ?? failures.at(-1)
}

function withTlsMode(url: string, mode: TlsMode): string {
  if (/[?&]sslmode=/.test(url)) return url.replace(/([?&]sslmode=)[^&]*/, `$1${mode}`)
  return `${url}${url.includes('?') ? '&' : '?'}sslmode=${mode}`
}

/** Of a socket: no server there, no such name. */
function isUnreachable(cause: unknown): boolean {
  return cause instanceof Error && 'syscall' in cause
}

/** What failed, and what to do about it. */
function describe(cause: unknown, tlsMode: TlsMode): string {
  const { code, message } = cause as { code?: string; message?: string }
  const what = shorten(message || String(code), 150)
  if (isUnreachable(cause)) return `${what}. Check DATABASE_URL, and that the server runs.`
  if (cause instanceof pg.DatabaseError) {
    const isPerhapsForTls = tlsMode === 'disable' && code === INVALID_AUTHORIZATION
    return `${what}. Check DATABASE_URL${isPerhapsForTls ? ': a server that demands TLS needs sslmode=require' : ''}.`
  }
  if (tlsMode === 'disable') return `${what}. Check DATABASE_URL, and that the server runs.`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `its certificate is not for this host (${code}). Write a host that it names, or sslmode=verify-ca with sslrootcert=/path/ca.pem to leave the name unchecked.`
  // Node's words are about flags of Node.
  if (code)
    return `TLS failed (${code}). Write sslrootcert=/path/ca.pem to verify its certificate by a CA of its own, or sslmode=require without sslrootcert to encrypt without verification.`
  return `${what}. Check DATABASE_URL, and that the server runs: sslmode=${tlsMode} needs one with TLS.`
}
