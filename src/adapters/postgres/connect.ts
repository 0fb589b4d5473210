import pg from 'pg'
import { DatabaseUnavailableError, StartError, shorten } from '../../errors.ts'
import { toConnectionOptions } from './connection-options.ts'
import { parseDatabaseUrl, type TlsMode, toServerName } from './database-url.ts'
import { PgClient } from './pg-client.ts'

const CONNECT_TIMEOUT_MS = 10_000
const INVALID_AUTHORIZATION = '28000'

/** The modes that libpq tries, in this order. */
const TLS_ATTEMPTS: Partial<Record<TlsMode, readonly TlsMode[]>> = {
  prefer: ['require', 'disable'],
  allow: ['disable', 'require'],
}

/**
 * Runs `act` on a connection of its own, for the start or for a command. The connection is closed afterwards, which
 * also ends a transaction that failed, and its locks.
 * @param name - the application_name, unless the URL has one
 * @throws StartError with the remedy, when no connection can be opened
 */
export async function withConnection<Result>(
  url: string,
  { name, ...limits }: { name: string } & Pick<pg.ClientConfig, 'connectionTimeoutMillis' | 'query_timeout'>,
  act: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const own = { application_name: name, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, ...limits }
  const client = new PgClient({ ...own, ...toConnectionOptions(url) })
  client.on('error', () => {}) // the query under way fails with it
  await client.connect().catch((error: unknown) => {
    const cause = error instanceof DatabaseUnavailableError ? error.cause : error
    const { database = '', user = '' } = client
    throw new StartError(
      `cannot connect to Postgres at ${shorten(toServerName(url), 100)}, database "${shorten(database, 60)}", user "${shorten(user, 60)}": ${describe(cause, parseDatabaseUrl(url).tlsMode)}`,
      { cause },
    )
  })
  try {
    return await act(client)
  } finally {
    await client.end().catch(() => {})
  }
}

/**
 * Finds out whether the server wants TLS when the URL leaves that open, by the mode `prefer` (the default) or `allow`.
 * libpq tries both ways at each connection; here the returned URL has the mode that worked, for all later connections.
 * @throws StartError as withConnection does
 */
export async function settleTlsMode(url: string): Promise<string> {
  const attempts = TLS_ATTEMPTS[parseDatabaseUrl(url).tlsMode]
  if (!attempts) return url
  const failures: StartError[] = []
  for (const mode of attempts) {
    const settled = withTlsMode(url, mode)
    try {
      return await withConnection(settled, { name: 'reelay-start' }, async () => settled)
    } catch (error) {
      if (!(error instanceof StartError) || isUnreachable(error.cause)) throw error
      failures.push(error)
    }
  }
  // A refusal by Postgres itself explains more than missing TLS.
  throw failures.find(({ cause }) => cause instanceof pg.DatabaseError) ?? failures.at(-1)
}

function withTlsMode(url: string, mode: TlsMode): string {
  if (/[?&]sslmode=/.test(url)) return url.replace(/([?&]sslmode=)[^&]*/, `$1${mode}`)
  return `${url}${url.includes('?') ? '&' : '?'}sslmode=${mode}`
}

/** An error of the socket: no server at the address, or no such host name. */
function isUnreachable(cause: unknown): boolean {
  return cause instanceof Error && 'syscall' in cause
}

/** The failure and its remedy. */
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
  // Node's own messages recommend flags of Node.
  if (code)
    return `TLS failed (${code}). Write sslrootcert=/path/ca.pem to verify its certificate by a CA of its own, or sslmode=require without sslrootcert to encrypt without verification.`
  return `${what}. Check DATABASE_URL, and that the server runs: sslmode=${tlsMode} needs one with TLS.`
}
