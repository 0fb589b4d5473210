import type { Import } from './read-source.ts'

/**
 * What the files of one place may import. A target is a file, a folder (it ends with a slash) or one name of a file
 * (`src/adapters/fal/errors.ts#FalError`). What may be imported as a value may be imported as a type too.
 */
export interface Rule {
  /** A file, or a folder that ends with a slash. */
  place: string
  values: readonly string[]
  types?: readonly string[]
  /** The only packages that may be imported; all of them when this is not there. A slash or a colon at the end: a scope, or all of Node's. */
  packages?: readonly string[]
  /** Packages that may not. */
  notPackages?: readonly string[]
}

const ADAPTER_TYPES = 'src/adapters/'
const GENERATED = 'src/generated/'
/** Pure helpers that every folder of src may import. */
const SHARED = ['src/backoff.ts', 'src/errors.ts', 'src/opaque-id.ts', 'src/text.ts', 'src/timeout.ts']
/** Prisma's way to write SQL: a value, but no connection. */
const SQL = 'src/generated/prisma/client.ts#Prisma'
/** Spans, by OpenTelemetry's API alone: a no-op until tracing is opened. */
const TRACE = 'src/adapters/telemetry/trace.ts'
/** The class whose kinds say what the caller may do next. */
const FAL_ERROR = 'src/adapters/fal/errors.ts#FalError'

/** Runs a Prisma transaction, and retries it after a conflict. */
const TRANSACT = 'src/adapters/postgres/client.ts#transact'

/** Domain modules that only compute: resolvers may call them. */
const PURE_HELPERS = [
  'src/updates/cursor.ts',
  'src/jobs/failure.ts',
  'src/jobs/models.ts',
  'src/jobs/settings.ts',
  'src/updates/job-status.ts',
  'src/jobs/video-name.ts',
]

/** The rules for images, shared by the API, the studio and the command line. */
const IMAGE_RULES = ['src/jobs/image.ts', 'src/jobs/image-link.ts']

const GRAPHQL = ['graphql', 'graphql-yoga', 'graphql-ws', '@pothos/', '@graphql-yoga/']
const STORES = ['pg', '@prisma/']

/** Who may import whom: docs/architecture.md as data. The first rule whose place fits a file is its rule. */
export const IMPORT_TABLE: readonly Rule[] = [
  { place: 'src/main.ts', values: ['src/run.ts'], packages: [] },
  {
    place: 'src/run.ts',
    values: ['src/app.ts', 'src/config.ts', 'src/errors.ts', 'src/banner.ts', 'src/adapters/telemetry/logger.ts'],
    packages: [],
  },
  {
    place: 'src/app.ts',
    values: [
      'src/adapters/',
      'src/updates/',
      'src/jobs/',
      'src/relay/',
      'src/resolvers/',
      'src/schema/',
      'src/server/',
      'src/config.ts',
      'src/context.ts',
      'src/errors.ts',
      'src/lifecycle.ts',
      'src/error-logger.ts',
      'src/resources.ts',
    ],
    notPackages: [...GRAPHQL, ...STORES],
  },
  {
    place: 'src/resources.ts',
    values: ['src/adapters/', 'src/errors.ts'],
    types: ['src/config.ts', 'src/lifecycle.ts'],
    notPackages: [...GRAPHQL, ...STORES],
  },
  { place: 'src/banner.ts', values: [], types: ['src/app.ts'], packages: [] },
  {
    place: 'src/error-logger.ts',
    values: [FAL_ERROR, 'src/errors.ts'],
    types: ['src/adapters/'],
    packages: [],
  },
  {
    place: 'src/config.ts',
    values: ['src/errors.ts', 'src/adapters/postgres/connection-options.ts', 'src/adapters/postgres/database-url.ts'],
  },
  { place: 'src/lifecycle.ts', values: [], packages: [] },
  { place: 'src/timeout.ts', values: [], packages: [] },
  { place: 'src/backoff.ts', values: [], packages: [] },
  { place: 'src/errors.ts', values: [], types: [GENERATED], packages: [] },
  { place: 'src/opaque-id.ts', values: [], packages: [] },
  { place: 'src/text.ts', values: [], packages: [] },
  {
    place: 'src/context.ts',
    values: [],
    types: [ADAPTER_TYPES, 'src/updates/', 'src/jobs/', GENERATED],
    packages: ['dataloader'],
  },
  {
    place: 'src/server/',
    values: ['src/server/', 'src/context.ts', ...SHARED, TRACE],
    types: ['src/config.ts'],
    notPackages: ['@pothos/', ...STORES],
  },
  {
    place: 'src/schema/',
    values: ['src/schema/', 'src/resolvers/', 'src/errors.ts'],
    types: ['src/updates/', 'src/jobs/', 'src/context.ts', GENERATED],
    packages: ['graphql', '@pothos/'],
  },
  {
    place: 'src/resolvers/',
    values: ['src/resolvers/', ...SHARED, ...PURE_HELPERS],
    types: ['src/updates/', 'src/jobs/', 'src/context.ts', GENERATED],
    notPackages: STORES,
  },
  {
    place: 'src/relay/',
    values: ['src/relay/', 'src/jobs/', 'src/updates/', ...SHARED, TRACE, FAL_ERROR, SQL],
    types: [ADAPTER_TYPES, GENERATED],
    notPackages: [...GRAPHQL, ...STORES],
  },
  // They are part of the page: what they import is too.
  { place: 'src/jobs/image.ts', values: [], packages: ['file-type'] },
  { place: 'src/jobs/image-link.ts', values: [], packages: [] },
  {
    place: 'src/jobs/',
    values: ['src/jobs/', 'src/updates/', ...SHARED, TRACE, FAL_ERROR, SQL, TRANSACT],
    types: [ADAPTER_TYPES, GENERATED],
    notPackages: [...GRAPHQL, ...STORES],
  },
  {
    place: 'src/updates/',
    values: ['src/updates/', ...SHARED, SQL],
    types: [ADAPTER_TYPES, GENERATED],
    notPackages: [...GRAPHQL, ...STORES],
  },
  { place: TRACE, values: [], packages: ['@opentelemetry/api'] },
  {
    place: 'src/adapters/postgres/',
    values: ['src/adapters/postgres/', ...SHARED, GENERATED],
    notPackages: GRAPHQL,
  },
  {
    place: 'src/adapters/',
    values: ['src/adapters/', ...SHARED, GENERATED],
    notPackages: GRAPHQL,
  },
  { place: 'src/generated/', values: [GENERATED] },
  { place: 'sandbox/', values: ['sandbox/'] },
  // A package for others' pages and programs as well.
  { place: 'client/', values: ['client/', 'operations/generated/'], notPackages: STORES },
  {
    place: 'cli/',
    values: ['cli/', 'client/core/', 'operations/generated/', ...IMAGE_RULES],
    notPackages: STORES,
  },
  {
    place: 'studio/',
    values: ['studio/', 'client/core/', 'operations/generated/', ...IMAGE_RULES],
    notPackages: STORES,
  },
  {
    place: 'prisma/',
    values: ['src/adapters/embedded-postgres/', 'src/adapters/postgres/', 'src/errors.ts'],
    packages: ['node:'],
  },
]

/** Packages that one place alone may import, wherever else packages are free. */
export const PACKAGE_PLACES: readonly { name: string; place: RegExp }[] = [
  { name: '@fal-ai/serverless-client', place: /^src\/adapters\/fal\// },
  { name: 'pg-boss', place: /^src\/adapters\/queue\.ts$/ },
  { name: 'prom-client', place: /^src\/adapters\/telemetry\/metrics\.ts$/ },
  { name: '@opentelemetry/api', place: /^src\/adapters\/telemetry\/trac(e|ing)\.ts$/ },
]

/** Files of src that touch `process.env`, and why: all else is in the Config that config.ts makes of what run.ts passes. */
export const ENVIRONMENT_READERS: ReadonlyMap<string, string> = new Map([
  ['src/run.ts', 'passes the environment to config.ts'],
  [
    'src/adapters/postgres/database-url.ts',
    'completes DATABASE_URL from PGHOST and similar variables, as every client of Postgres does',
  ],
  ['src/adapters/sandbox-process.ts', 'hands a few names on to its child process'],
  ['src/adapters/embedded-postgres/binaries.ts', 'looks along PATH for a Postgres, and hands a few names on to it'],
])

/** What is wrong with an arrow, in words; null when it is allowed. */
export function findProblem(arrow: Import, table: readonly Rule[] = IMPORT_TABLE): string | null {
  const rule = table.find(({ place }) => isWithin(arrow.from, place))
  const text = `${arrow.from} imports ${arrow.kind === 'type' ? 'the type' : 'the value'} ${arrow.names.join(', ') || '(nothing)'} of ${arrow.to}`
  if (!rule) return `${text}, but no rule of the table covers ${arrow.from}: add one`
  if (arrow.isPackage) return mayUsePackage(arrow, rule) ? null : `${text}: not allowed in ${rule.place}`
  const targets = arrow.kind === 'type' ? [...rule.values, ...(rule.types ?? [])] : rule.values
  return targets.some((target) => isTarget(arrow, target)) ? null : `${text}: not allowed in ${rule.place}`
}

function mayUsePackage({ from, to }: Import, { packages, notPackages = [] }: Rule): boolean {
  if (PACKAGE_PLACES.some(({ name, place }) => isOfPackage(to, name) && !place.test(from))) return false
  return (
    (packages === undefined || packages.some((name) => isOfPackage(to, name))) &&
    !notPackages.some((name) => isOfPackage(to, name))
  )
}

function isOfPackage(specifier: string, name: string): boolean {
  return /[/:]$/.test(name) ? specifier.startsWith(name) : specifier === name || specifier.startsWith(`${name}/`)
}

function isWithin(file: string, place: string): boolean {
  return place.endsWith('/') ? file.startsWith(place) : file === place
}

function isTarget({ to, kind, names }: Import, target: string): boolean {
  const [place = '', name] = target.split('#')
  if (!isWithin(to, place)) return false
  // A type of a file whose one value is free is a matter of the types' list.
  return name === undefined || (kind === 'value' && names.every((taken) => taken === name))
}
