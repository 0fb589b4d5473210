import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { openEmbeddedPostgres } from '../src/adapters/embedded-postgres/server.ts'
import { deployMigrations } from '../src/adapters/postgres/migrations/migrate.ts'
import { encodeNodeId } from '../src/resolvers/ids.ts'
import { LIMITS } from '../src/schema/builder.ts'
import { schema } from '../src/schema/index.ts'
import { makeTemporaryDirectory } from '../test/helpers/directories.ts'
import { createSeeded } from '../test/helpers/seeded.ts'
import { startServerProcess } from '../test/helpers/server-process.ts'
import { seedJobs } from './million-jobs.ts'
import { createQueryGenerator, type GeneratedQuery } from './query-generator.ts'

/**
 * Searches for the most expensive queries that the server accepts, then sends twenty copies at once. Prints one line of
 * JSON for each of the worst, and one with the latency of other requests meanwhile. See README.md.
 */
const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '300' },
    seed: { type: 'string', default: String(Date.now() % 1e6) },
    'data-dir': { type: 'string' },
  },
})
const MAX_ALIASES = 30
const AT_ONCE = 20
const KEPT = 5

const jobs = Number(values.jobs)
const random = createSeeded(Number(values.seed))
const directory = await makeTemporaryDirectory('reelay-bench')
const postgres = await openEmbeddedPostgres({ dataDir: values['data-dir'] ?? directory.path })
const client = new pg.Client({ connectionString: postgres.url })
try {
  await deployMigrations({ connectionString: postgres.url })
  await client.connect()
  const { rows: filled } = await client.query('SELECT FROM "Job" LIMIT 1')
  if (filled.length === 0) await seedJobs(postgres.url, jobs)
  const server = await startServerProcess({
    DATABASE_URL: postgres.url,
    ROLES: 'api',
    FAL_KEY: 'bench',
    // A closed port: the benchmark submits nothing to fal.
    FAL_QUEUE_URL: 'http://127.0.0.1:9',
    FAL_REST_URL: 'http://127.0.0.1:9',
  })
  try {
    await search(server.url, server.process.pid ?? 0)
  } finally {
    await server.end('SIGTERM')
  }
} finally {
  await client.end()
  if (values['data-dir'] === undefined) await postgres.stop()
  await directory.remove()
}
process.exit()

interface Figures {
  /** From the request to the last byte, in milliseconds. */
  ms: number
  /** CPU time of the server and Postgres, in milliseconds; 0 without /proc. */
  cpuMs: number
  bytes: number
  /** Includes failed jobs. */
  codes: string[]
}

async function search(url: string, serverPid: number): Promise<void> {
  const pools = await readPools()
  const variables = { jobs: pools.ids.slice(0, 100), videos: pools.videos, far: pools.ids.slice(-100) }
  const pick = (words: readonly string[]) => words[random.whole(0, words.length - 1)] ?? ''
  const argument = (name: string, words: readonly string[]) =>
    random.chance(0.4) ? [`${name}: ${pick(words)}`] : ([] as string[])
  const toFilter = () =>
    [
      ...argument('status', [
        '[FAILED]',
        '[CANCELED]',
        '[RUNNING, CANCELED]',
        '[QUEUED, CANCELING, STORING]',
        '[SUCCEEDED, FAILED]',
        '[]',
      ]),
      ...argument('createdAfter', pools.times),
      ...argument('createdBefore', pools.times),
    ].join(' ')
  const page = () => `${pick(['first', 'last'])}: ${pick(['1', '5', '20', '50', '100'])}`
  const argumentsOf: Record<string, () => string> = {
    jobs: () =>
      `(${page()} filter: { ${toFilter()} } ${[...argument('after', pools.cursors), ...argument('before', pools.cursors)].join(' ')})`,
    updates: () => `(${page()})`,
    job: () => `(id: ${pick(pools.cursors)})`,
    node: () => `(id: ${pick(pools.cursors)})`,
    nodes: () => `(ids: ${pick(['$jobs', '$videos', '$far'])})`,
  }
  // Updates and videos also have a field `job`, without arguments: only the parent type distinguishes them.
  const generator = createQueryGenerator({
    schema,
    random,
    limits: { ...LIMITS, aliases: MAX_ALIASES },
    toArguments: (parent, field) => (parent === 'Query' || field === 'updates' ? (argumentsOf[field]?.() ?? '') : ''),
    variables,
  })

  const worst: (GeneratedQuery & Figures)[] = []
  for (let round = 0; round < Number(values.rounds); round++) {
    const parent = worst[random.whole(0, worst.length - 1)]
    const query = parent && random.chance(0.5) ? generator.vary(parent) : generator.generate()
    if (!query) continue
    const figures = await time(query.text, 1)
    if (worst.length < KEPT || worst.some(({ cpuMs }) => figures.cpuMs > cpuMs))
      worst.push({ ...query, ...(await time(query.text, 5)) })
    worst.sort((a, b) => b.cpuMs - a.cpuMs).splice(KEPT)
  }
  print({ scenario: 'expensive-queries', seed: values.seed, jobs, rounds: values.rounds })
  for (const { root: _, ...figures } of worst) print(figures)
  const most = worst[0]
  if (most) await crowd(most.text)

  /** The mean of several runs, including rejected or partly rejected ones: they have a cost too. */
  async function time(query: string, runs: number): Promise<Figures> {
    const before = await readCpuMs()
    const start = performance.now()
    let text = ''
    for (let run = 0; run < runs; run++) text = await send(query)
    const ms = Math.round((performance.now() - start) / runs)
    const codes = [...new Set([...text.matchAll(/"code":"([A-Z]+_[A-Z_]+)"/g)].map(([, code = '']) => code))]
    return { ms, cpuMs: Math.round(((await readCpuMs()) - before) / runs), bytes: text.length, codes }
  }

  async function send(query: string): Promise<string> {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    })
    return await response.text()
  }

  /** The latency of other requests while twenty copies of a query run repeatedly, for five seconds. */
  async function crowd(query: string): Promise<void> {
    const until = performance.now() + 5_000
    const isOver = () => performance.now() > until
    let answered = 0
    const waits = { healthMs: [] as number[], cheapMs: [] as number[] }
    await Promise.all([
      ...Array.from({ length: AT_ONCE }, async () => {
        for (; !isOver(); answered++) await send(query)
      }),
      watch(waits.healthMs, async () => (await fetch(`${url}/healthz`)).text()),
      watch(waits.cheapMs, () => send('{ jobs(first: 1) { edges { node { id } } } }')),
    ])
    const summary = Object.entries(waits).map(([name, all]) => [name, summarize(all)])
    print({ atOnce: AT_ONCE, answered, ...Object.fromEntries(summary) })

    async function watch(all: number[], ask: () => Promise<unknown>): Promise<void> {
      while (!isOver()) {
        const start = performance.now()
        await ask()
        all.push(performance.now() - start)
      }
    }
  }

  async function readCpuMs(): Promise<number> {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const postmaster = readStat(rows[0]?.pid ?? 0)?.parent ?? 0
    const stats = (await readdir('/proc').catch(() => []))
      .filter((name) => /^\d+$/.test(name))
      .map((name) => ({ pid: Number(name), ...readStat(Number(name)) }))
    const own = stats.filter(({ pid, parent }) => pid === serverPid || parent === postmaster)
    const ended = stats.find(({ pid }) => pid === postmaster)?.endedMs ?? 0
    return own.reduce((sum, { ownMs = 0 }) => sum + ownMs, ended)
  }
}

/** CPU time of a process and of its ended children. @see proc(5) */
function readStat(pid: number): { parent: number; ownMs: number; endedMs: number } | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
      .map(Number)
    const [, parent = 0] = fields
    const tick = (from: number) => ((fields[from] ?? 0) + (fields[from + 1] ?? 0)) * 10
    return { parent, ownMs: tick(11), endedMs: tick(13) }
  } catch {
    return null
  }
}

async function readPools() {
  const read = async (sql: string) => (await client.query<{ word: string }>(sql)).rows.map(({ word }) => word)
  const newest = await read('SELECT id AS word FROM "Job" ORDER BY id DESC LIMIT 200')
  const oldest = await read('SELECT id AS word FROM "Job" ORDER BY id LIMIT 200')
  const middle = await read(`SELECT id AS word FROM "Job" ORDER BY id OFFSET ${Math.floor(jobs / 2)} LIMIT 1`)
  const times = await read(
    `SELECT min("createdAt") + share * (max("createdAt") - min("createdAt")) AS word
    FROM "Job", unnest(ARRAY[-1, 0, 0.01, 0.5, 0.99, 1, 2]) AS share GROUP BY share`,
  )
  return {
    ids: [...newest, ...oldest].map((id) => encodeNodeId('Job', id)),
    cursors: [newest[150], ...middle, oldest[50]].map((id) => JSON.stringify(encodeNodeId('Job', id ?? ''))),
    videos: newest.map((id) => encodeNodeId('Video', id)).slice(0, 100),
    times: times.map((time) => JSON.stringify(new Date(time))),
  }
}

function summarize(all: number[]): { median: number; p99: number; most: number } {
  const sorted = all.toSorted((a, b) => a - b)
  const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0)
  return { median: at(0.5), p99: at(0.99), most: at(1) }
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
