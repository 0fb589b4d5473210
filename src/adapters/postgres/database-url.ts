import { isIP } from 'node:net'
import { z } from 'zod'
import { StartError, shorten } from '../../errors.ts'

/** The parts of DATABASE_URL, read as libpq does; missing ones are undefined. */
export type DatabaseAddress = ReturnType<typeof parseDatabaseUrl>

export type TlsMode = (typeof TLS_MODES)[number]

/** libpq's, and `no-verify` of node-postgres. */
const TLS_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'] as const

/** Values of `ssl`, the other parameter for TLS: libpq accepts JDBC's `ssl=true`, node-postgres the others. */
const SSL_VALUES: Readonly<Record<string, TlsMode>> = {
  true: 'require',
  1: 'require',
  false: 'disable',
  0: 'disable',
  'no-verify': 'no-verify',
}

/** Every problem completes a sentence that begins with "DATABASE_URL", and repeats no secret. */
export class DatabaseUrlError extends StartError {
  readonly problems: readonly string[]

  constructor(...problems: string[]) {
    super(problems.map((problem) => `DATABASE_URL ${problem}`).join('\n'))
    this.problems = problems
  }
}

const ESCAPES =
  'is not a valid URL: characters such as # / ? @ % in the user, the password, the database or a value must be escaped (%23 %2F %3F %40 %25)'

const DEFAULT_SCHEMA = 'public'

/** Written with `-c`, or as a long option, in which a hyphen may replace the underscore. */
const SEARCH_PATH = /(?:^|\s)(?:-c\s*|--)search[_-]path=((?:\\.|\S)*)/i

/** pg-boss accepts names of 50 bytes, and its schema has this name with `_pgboss` at the end. */
const MAX_SCHEMA_LENGTH = 43

const oneOf = (values: readonly string[]) =>
  z.enum(values, `write ${values.length === 1 ? values[0] : `one of ${values.join(', ')}`}`)
const Seconds = (most: number) => {
  const rule = `write a whole number of seconds from 1 to ${most}`
  return z
    .string()
    .regex(/^\d{1,9}$/, rule)
    .transform(Number)
    .pipe(z.number().min(1, rule).max(most, rule))
}

/**
 * The supported parameters, and those values of others that request the default behavior.
 * @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
 */
const Parameters = z
  .strictObject({
    host: z.string(),
    port: z.string(),
    user: z.string(),
    password: z.string(),
    dbname: z.string(),
    sslmode: z.enum(TLS_MODES, `write one of ${TLS_MODES.join(', ')}`),
    ssl: oneOf(Object.keys(SSL_VALUES)),
    sslrootcert: z.string(),
    sslcert: z.string(),
    sslkey: z.string(),
    channel_binding: oneOf(['disable', 'prefer', 'require']),
    application_name: z.string(),
    options: z.string(),
    connect_timeout: Seconds(60),
    keepalives_idle: Seconds(86_400),
    schema: z
      .string()
      .regex(/^(?!pg_)[a-z_]\w*$/i, 'write letters, digits and underscores, at first neither a digit nor pg_')
      .max(MAX_SCHEMA_LENGTH, `write ${MAX_SCHEMA_LENGTH} characters at most`),
    keepalives: oneOf(['1']),
    sslnegotiation: oneOf(['postgres']),
    gssencmode: oneOf(['disable', 'prefer']),
    load_balance_hosts: oneOf(['disable']),
    // The start refuses a read-only server.
    target_session_attrs: oneOf(['any', 'read-write', 'primary']),
    client_encoding: z.string().regex(/^(utf-?8|auto)$/i, 'write UTF8'),
    uselibpqcompat: oneOf(['true']),
  })
  .partial()

/** Remedies for unsupported parameters; for all others: remove it. */
const REMEDIES: ReadonlyMap<string, string> = new Map([
  ['hostaddr', 'write host'],
  ['currentSchema', 'write schema'],
  ['search_path', 'write schema'],
  ['sslaccept', 'write sslmode'],
  ['sslidentity', 'write sslcert and sslkey'],
  ['pgbouncer', 'remove it, and connect to Postgres itself or to a pooler in session mode (at Supabase, port 5432)'],
])

/**
 * Parses DATABASE_URL by libpq's grammar, which allows hosts that are directories, and URLs without a host.
 * @param environment - libpq's variables, for parts that the URL lacks
 * @throws DatabaseUrlError
 * @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 */
export function parseDatabaseUrl(
  url: string,
  { PGHOST, PGPORT, PGUSER, PGSSLMODE }: Readonly<Record<string, string | undefined>> = process.env,
) {
  const { authority, query } = splitUrl(url)
  const { data, error } = Parameters.safeParse(query)
  if (error) throw new DatabaseUrlError(...error.issues.flatMap((issue) => toProblems(issue, 'password' in query)))

  const host = readHost(data.host ?? authority.host ?? (PGHOST || undefined))
  const { sslrootcert, sslcert, sslkey } = data
  const inherited = sslrootcert === 'system' ? 'verify-full' : PGSSLMODE || 'prefer'
  const tlsMode = TLS_MODES.find((mode) => mode === (data.sslmode ?? SSL_VALUES[data.ssl ?? ''] ?? inherited))
  if (!tlsMode) throw new DatabaseUrlError(`has no sslmode, and PGSSLMODE is none of ${TLS_MODES.join(', ')}`)
  const problems = [...findTlsProblems(data, tlsMode), ...findOptionProblems(data)]
  if (problems.length > 0) throw new DatabaseUrlError(...problems)

  return {
    /** A name, an IP address, or the directory of a Unix socket. */
    host,
    port: readPort(data.port ?? authority.port ?? (PGPORT || undefined)),
    user: data.user ?? authority.user ?? (PGUSER || undefined),
    password: data.password ?? authority.password,
    database: data.dbname ?? authority.database,
    /** `disable` for a Unix socket, whatever the URL says. */
    tlsMode: host?.startsWith('/') ? 'disable' : tlsMode,
    /** Paths; the root certificate may also be `system`. */
    tlsFiles: { sslrootcert, sslcert, sslkey },
    usesChannelBinding: data.channel_binding !== undefined && data.channel_binding !== 'disable',
    applicationName: data.application_name,
    options: data.options,
    connectTimeoutSeconds: data.connect_timeout,
    keepaliveIdleSeconds: data.keepalives_idle,
    schema: data.schema ?? DEFAULT_SCHEMA,
  }
}

/** The address of the server for people, without the user and the password. */
export function toServerName(url: string): string {
  const { host = 'localhost', port = 5432 } = parseDatabaseUrl(url)
  if (host.startsWith('/')) return `${host}/.s.PGSQL.${port}`
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

function splitUrl(url: string) {
  if (/^["']/.test(url)) throw new DatabaseUrlError('is in quotes, which are part of the value: remove them')
  const rest = /^postgres(?:ql)?:\/\/(.+)$/s.exec(url)?.[1]
  if (!rest) throw new DatabaseUrlError('must begin with postgres:// or postgresql://, or be "embedded"')
  // The text after an unescaped character of a password would be read as a host, a parameter or its name.
  const parts = /^(?:(?<login>[^/?#]*)@)?(?<server>[^/?#@]*)(?:\/(?<database>[^/?#@]*))?(?:\?(?<query>[^#@]*))?$/.exec(
    rest,
  )
  if (!parts) throw new DatabaseUrlError(ESCAPES)
  const { login = '', server = '', database, query = '' } = parts.groups ?? {}
  const [, user, password] = /^([^:]*)(?::(.*))?$/s.exec(login) ?? []
  const [, host, port] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(server) ?? []
  if (server.includes(',')) throw new DatabaseUrlError(SEVERAL_HOSTS)
  return {
    authority: {
      user: decode(user),
      password: decode(password),
      host: decode(host),
      port: decode(port),
      database: decode(database),
    },
    query: splitQuery(query),
  }
}

const SEVERAL_HOSTS = 'names several hosts, of which none is chosen: name the one that takes writes'

/** An empty value counts as missing, as for libpq. */
function splitQuery(query: string): Record<string, string> {
  const given = new Map<string, string | undefined>()
  for (const pair of query.split('&').filter(Boolean)) {
    const [, name, value] = /^([^=]*)=(.*)$/s.exec(pair)?.map(decode) ?? []
    if (!name) throw new DatabaseUrlError('has a parameter without "=": an & in a value must be escaped (%26)')
    if (given.has(name)) throw new DatabaseUrlError(`has the parameter ${toShownName(name)} twice: leave one`)
    given.set(name, value)
  }
  const filled = Array.from(given, ([name, value = '']): [string, string] => [name, value])
  return Object.fromEntries(filled.filter(([name, value]) => value !== '' || !Object.hasOwn(Parameters.shape, name)))
}

function toShownName(name: string): string {
  return shorten(name.replaceAll(/[^\w.-]+/g, '?'), 40)
}

/** A percent sign without an escape is literal. An empty text is undefined. */
function decode(text: string | undefined): string | undefined {
  if (!text) return undefined
  try {
    const decoded = decodeURIComponent(text.replaceAll(/%(?![0-9a-f]{2})/gi, '%25'))
    if (!decoded.includes('\0')) return decoded
  } catch {
    // The cause would hold the text.
  }
  throw new DatabaseUrlError('is not a valid URL: what is escaped must be UTF-8 (ä is %C3%A4), without %00')
}

function readHost(text: string | undefined): string | undefined {
  if (text === undefined || text.startsWith('/')) return text
  if (text.includes(',')) throw new DatabaseUrlError(SEVERAL_HOSTS)
  const host = text.replace(/^\[(.*)\]$/, '$1')
  if (isIP(host) || (host === text && /^[\p{L}\p{N}_][\p{L}\p{N}._-]*$/u.test(host))) return host
  throw new DatabaseUrlError(
    'has a host that is neither a name, nor an IP address (IPv6 in brackets), nor the directory of a socket',
  )
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port >= 1 && port <= 65_535) return port
  throw new DatabaseUrlError('must have a port from 1 to 65535; an IPv6 address stands in brackets')
}

/** @param isSecretNear - the unknown parameter may be the part of a password after an unescaped & */
function toProblems(issue: z.core.$ZodIssue, isSecretNear: boolean): string[] {
  if (issue.code !== 'unrecognized_keys')
    return [`has a value of ${String(issue.path[0])} that is not supported: ${issue.message}`]
  if (isSecretNear) return ['has a parameter that is not supported, perhaps for an & that must be escaped (%26)']
  return issue.keys.map(
    (name) => `has the parameter ${toShownName(name)}, which is not supported: ${REMEDIES.get(name) ?? 'remove it'}`,
  )
}

/** Every session gets the search_path of `schema`, so another one in the options would have no effect. */
function findOptionProblems({ options = '', schema = DEFAULT_SCHEMA }: z.infer<typeof Parameters>): string[] {
  const path = SEARCH_PATH.exec(options)?.[1]?.replaceAll(/[\\"']/g, '')
  if (path === undefined || path === schema) return []
  return ['has a search_path in its options, which is not supported: write schema=NAME, and leave it out there']
}

function findTlsProblems(
  { sslmode, ssl, sslrootcert, sslcert, sslkey, channel_binding }: z.infer<typeof Parameters>,
  mode: TlsMode,
): string[] {
  const problems: string[] = []
  if (sslmode && ssl) problems.push('has both ssl and sslmode: leave sslmode')
  if (Boolean(sslcert) !== Boolean(sslkey)) problems.push('must have sslcert and sslkey together')
  if (sslrootcert === 'system' && mode !== 'verify-full')
    problems.push('has sslrootcert=system, which needs sslmode=verify-full')
  if (sslrootcert && mode === 'no-verify')
    problems.push('has sslrootcert, which sslmode=no-verify would not use: write sslmode=verify-ca, or remove it')
  if (mode === 'verify-ca' && !sslrootcert)
    problems.push('has sslmode=verify-ca without a CA: add sslrootcert=/path/ca.pem, or write sslmode=verify-full')
  if (channel_binding === 'require' && ['disable', 'allow', 'prefer'].includes(mode))
    problems.push('has channel_binding=require, which needs sslmode=require, verify-ca or verify-full')
  return problems
}
