import { z } from 'zod'
import { toConnectionOptions } from './adapters/postgres/connection-options.ts'
import { DatabaseUrlError } from './adapters/postgres/database-url.ts'
import { StartError } from './errors.ts'

/** All settings, validated. Contains secrets: never log the whole object. */
export type Config = ReturnType<typeof readConfig>

/** The real fal, or the local sandbox, which starts with the server. */
type FalConfig =
  | { sandbox: true; mediaHosts: string[] }
  | { sandbox: false; key: string; queueUrl: string; restUrl: string; jwksUrl: string; mediaHosts: string[] }

const ROLES = ['api', 'worker'] as const
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

const WholeNumber = (rule: string, least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, rule)
    .transform(Number)
    .pipe(z.number().min(least, rule).max(most, rule))
const Flag = z
  .stringbool({ error: 'must be true or false (or 1, yes, y, on, enabled, or 0, no, n, off, disabled)' })
  .optional()
const BaseUrl = z
  .url({ protocol: /^https?$/, error: 'must be an absolute http or https URL' })
  .refine((url) => !/[?#@]/.test(url), 'must not contain a user, a password, a query or a fragment')
  .transform((url) => url.replace(/\/+$/, ''))
/**
 * The origin of a web page, by host name or IP address, and that of an app or an extension with a scheme of its own.
 */
const WEB_ORIGIN = /^https?:\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d+)?$/i
const APP_ORIGIN = /^(?!(https?|wss?|ftp|file):)[a-z][a-z0-9+.-]*:\/\/[a-z0-9._~-]+(:\d+)?$/i
const Origin = z.string().transform((text, context) => {
  if (WEB_ORIGIN.test(text) && URL.canParse(text)) return new URL(text).origin
  // URL.origin of a custom scheme is "null".
  if (APP_ORIGIN.test(text)) return text.toLowerCase()
  context.addIssue(toOriginRule(text))
  return z.NEVER
})
const toOriginRule = (text: string) => {
  if (text === '*') return 'cannot be "*": list each origin, separated by commas'
  if (text === 'null')
    return 'cannot be "null", which every local file and sandboxed page sends: serve the page over HTTP and list its origin'
  return 'must be exact origins without a path, separated by commas, such as https://app.example.com,tauri://localhost'
}
/** As in a Host header; wildcards are not supported. */
const Host = z
  .string()
  .regex(
    /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i,
    'must be host names with an optional port, separated by commas, such as api,reelay.internal:4000',
  )
/** A host, or all hosts below a domain. */
const MediaHost = z
  .string()
  .regex(
    /^(\*\.)?[a-z0-9.-]+$/i,
    'must be host names without a port, separated by commas, such as fal.media,*.fal.media',
  )
const listOf = <Entry extends z.ZodType<unknown, string>>(entry: Entry, usual = '') =>
  z
    .string()
    .default(usual)
    .transform((list) =>
      list
        .split(',')
        .map((text) => text.trim())
        .filter(Boolean),
    )
    .pipe(z.array(entry))

const Environment = z.object({
  HOST: z.string().regex(/^\S+$/, 'must be a host name or an IP address').default('127.0.0.1'),
  PORT: WholeNumber('must be 0 to 65535', 0, 65_535).default(4000),
  PUBLIC_URL: BaseUrl.optional(),
  ALLOWED_ORIGINS: listOf(Origin),
  TRUSTED_HOSTS: listOf(Host),
  DATABASE_URL: z
    .string()
    .trim()
    .superRefine((url, context) => {
      for (const problem of findDatabaseProblems(url)) context.addIssue(problem)
    })
    .optional(),
  DATA_DIR: z.string().default('.reelay'),
  // A trailing line break from a file is trimmed; other characters that a header cannot hold would fail every call.
  FAL_KEY: z
    .string()
    .trim()
    .regex(/^[\x21-\x7e]+$/, 'must be one word of printable ASCII characters')
    .optional(),
  FAL_QUEUE_URL: z
    .union([z.literal('sandbox'), BaseUrl], { error: 'must be an absolute http or https URL, or "sandbox"' })
    .optional(),
  FAL_REST_URL: BaseUrl.default('https://rest.fal.ai'),
  FAL_JWKS_URL: BaseUrl.default('https://rest.fal.ai/.well-known/jwks.json'),
  FAL_MEDIA_HOSTS: listOf(MediaHost, 'fal.media,*.fal.media'),
  SUBMIT_ADOPTION_SECONDS: WholeNumber('must be a whole number of seconds from 45 to 7200', 45, 7200).default(900),
  ROLES: listOf(z.enum(ROLES, 'must be api, worker, or both separated by a comma'), ROLES.join(',')).refine(
    ({ length }) => length > 0,
    'must name api, worker, or both',
  ),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\/./, { error: 'must be a redis:// or rediss:// URL', abort: true })
    .refine(
      (url) => URL.canParse(url) && !url.includes('#'),
      'is not a valid URL: characters such as # / ? in the password must be escaped (%23 %2F %3F), and the port is 0 to 65535',
    )
    .optional(),
  UPDATES_RETENTION_DAYS: WholeNumber('must be a whole number of days from 1 to 3650', 1, 3650).default(30),
  WORKER_CONCURRENCY: WholeNumber('must be a whole number from 1 to 10000', 1, 10_000).default(1000),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  NODE_ENV: z.string().optional(),
  GRAPHIQL: Flag,
  INTROSPECTION: Flag,
  // Only validated here: OpenTelemetry reads these two and all other OTEL_ variables.
  OTEL_EXPORTER_OTLP_ENDPOINT: BaseUrl.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: BaseUrl.optional(),
})

/**
 * Parses the environment. An empty value counts as unset.
 * @throws StartError that lists every problem with its remedy, and never a value
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>) {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const quoted = Object.keys(Environment.shape).filter((name) => /^(["']).*\1$/s.test(given[name] ?? ''))
  const { data: env, error } = Environment.safeParse(given)
  const problems = [
    ...quoted.map((name) => `${name} is in quotes, which are part of the value: remove them`),
    ...toProblems(error?.issues.filter(({ path }) => !quoted.includes(String(path[0]))) ?? []),
    ...findMissing(given),
  ]
  if (!env || problems.length > 0)
    throw new StartError(`cannot start:${problems.length > 1 ? '\n-' : ''} ${problems.join('\n- ')}`)
  const production = env.NODE_ENV === 'production'
  return {
    host: env.HOST,
    /** 0: any free port. */
    port: env.PORT,
    /** Null: built from host and port. */
    publicUrl: env.PUBLIC_URL ?? null,
    /** Origins of pages that may use the API besides this server's own, as browsers send them. */
    allowedOrigins: env.ALLOWED_ORIGINS,
    /** Host names, with an optional port, that this server accepts besides those of the URLs above. */
    trustedHosts: env.TRUSTED_HOSTS,
    /** Null: an embedded Postgres under `dataDir`. */
    databaseUrl: env.DATABASE_URL === 'embedded' ? null : (env.DATABASE_URL ?? null),
    dataDir: env.DATA_DIR,
    fal: toFalConfig(env),
    /** How long an unconfirmed submit waits for fal's webhook, in seconds. */
    adoptionSeconds: env.SUBMIT_ADOPTION_SECONDS,
    /** What this process does: serve clients, relay jobs, or both. */
    roles: [...new Set(env.ROLES)],
    /** Null: Postgres carries the notifications between instances. */
    redisUrl: env.REDIS_URL ?? null,
    /** The update logs of jobs are pruned this many days after the jobs ended. */
    updatesRetentionDays: env.UPDATES_RETENTION_DAYS,
    workerConcurrency: env.WORKER_CONCURRENCY,
    logLevel: env.LOG_LEVEL,
    graphiql: env.GRAPHIQL ?? !production,
    introspection: env.INTROSPECTION ?? !production,
    /** Whether spans are exported; OpenTelemetry reads the endpoint from the environment. */
    tracing: (env.OTEL_EXPORTER_OTLP_ENDPOINT ?? env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) !== undefined,
    production,
  }
}

/** One sentence per broken rule of a setting. Entries of a list are named by number, since one may be a secret. */
function toProblems(issues: readonly z.core.$ZodIssue[]): string[] {
  const entries = Map.groupBy(issues, ({ path, message }) => `${String(path[0])} ${message}`)
  return Array.from(entries, ([problem, broken]) => {
    const numbers = broken.flatMap(({ path: [, index] }) => (typeof index === 'number' ? [index + 1] : []))
    if (numbers.length === 0) return problem
    const shown = numbers.length > 5 ? [...numbers.slice(0, 5), '…'] : numbers
    return `${problem}: ${numbers.length === 1 ? 'entry' : 'entries'} ${shown.join(', ')} ${numbers.length === 1 ? 'breaks' : 'break'} this rule`
  })
}

function findDatabaseProblems(url: string): readonly string[] {
  try {
    if (url !== 'embedded') toConnectionOptions(url)
    return []
  } catch (error) {
    if (error instanceof DatabaseUrlError) return error.problems
    throw error
  }
}

/** Settings that others make necessary; reported together with the invalid ones. */
function findMissing({ NODE_ENV, DATABASE_URL, FAL_KEY, FAL_QUEUE_URL }: Record<string, string | undefined>): string[] {
  const production = NODE_ENV === 'production'
  const missing: string[] = []
  if (!FAL_KEY && FAL_QUEUE_URL && FAL_QUEUE_URL !== 'sandbox')
    missing.push('FAL_KEY is missing: set it, or unset FAL_QUEUE_URL to use the local sandbox')
  if (!FAL_KEY && !FAL_QUEUE_URL && production)
    missing.push('FAL_KEY is missing: set it, or set FAL_QUEUE_URL=sandbox to use the local sandbox in production too')
  if (!DATABASE_URL && production)
    missing.push(
      'DATABASE_URL is missing: set it, or set DATABASE_URL=embedded to use an embedded Postgres in production too',
    )
  return missing
}

function toFalConfig(env: z.infer<typeof Environment>): FalConfig {
  const mediaHosts = env.FAL_MEDIA_HOSTS
  if (!env.FAL_KEY || env.FAL_QUEUE_URL === 'sandbox') return { sandbox: true, mediaHosts }
  return {
    sandbox: false,
    key: env.FAL_KEY,
    queueUrl: env.FAL_QUEUE_URL ?? 'https://queue.fal.run',
    restUrl: env.FAL_REST_URL,
    jwksUrl: env.FAL_JWKS_URL,
    mediaHosts,
  }
}
