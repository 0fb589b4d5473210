import { appendFileSync } from 'node:fs'
import pg from 'pg'
import { expect, type TestContext } from 'vitest'
import { type Acknowledged, generate, type Transcript, watchJob } from './client.ts'
import { type ClusterOptions, type Member, startCluster } from './cluster.ts'
import { type FakeFal, type FakeFalOptions, startFakeFal } from './fake-fal.ts'
import { findViolations, readStored } from './history.ts'

/** How often each row causes its fault: a few times in `npm test`, 100 times in `npm run test:faults`. */
export const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 1)

/** True for the long form, in which some rows last as long as the real fault. */
export const LONG = ROUNDS > 1

/** Another worker claims a job 10 s after the last heartbeat, at its next poll. */
export const TAKEOVER = { timeoutMs: 30_000, everyMs: 20 }

/** The timeout of a test with this many rounds, in milliseconds. */
export function roundsMs(eachMs: number): number {
  return 60_000 + ROUNDS * eachMs
}

/** A cluster, a fal, and clients whose messages are all recorded. */
export interface FaultRig {
  fal: FakeFal
  members: Member[]
  /** Addresses of the members that serve clients. */
  apis: string[]
  /** Acknowledged jobs, each with a subscriber from the start. */
  submit(count: number): Promise<Acknowledged[]>
  /** Adds a subscriber to a job that was acknowledged elsewhere. */
  watch(job: Acknowledged): void
  transcriptOf(job: Acknowledged): Transcript
  /** True when the job's subscriber has received this status. */
  hasBeen(job: Acknowledged, status: string): boolean
  /** Counts the rows of a table that meet a condition. */
  count(from: string): Promise<number>
  /**
   * Waits until all jobs have ended, checks the invariants, and prints the row's figures: its rounds, unless it has
   * one, and its measurements.
   */
  verify(row: string, figures?: Record<string, number>): Promise<void>
}

export interface FaultRigOptions extends Omit<ClusterOptions, 'fal'> {
  fal?: FakeFalOptions
  /** Gives fal the webhook address of the first member. */
  webhooks?: boolean
}

/** Opens a rig that closes when the test has finished. */
export async function openFaultRig(
  { onTestFinished, task }: TestContext,
  { fal: falOptions, roles, webhooks, ...options }: FaultRigOptions,
): Promise<FaultRig> {
  const fal = await startFakeFal(falOptions)
  onTestFinished(fal.stop)
  const [first = 'api', ...rest] = roles
  const front = await startCluster({ ...options, roles: [first], fal })
  onTestFinished(front.stop)
  const publicUrl = webhooks ? { PUBLIC_URL: front.members[0]?.url ?? '' } : {}
  const others = await startCluster({
    ...options,
    roles: rest,
    fal,
    databaseUrl: front.databaseUrl,
    environment: { ...options.environment, ...publicUrl },
  })
  onTestFinished(others.stop)
  // Through the first member's proxy: a restarted Postgres may be on another port.
  const databaseUrl = front.members[0]?.postgres.through(front.databaseUrl) ?? front.databaseUrl
  const members = [...front.members, ...others.members]
  const apis = members.filter((_, n) => roles[n]?.includes('api')).map(({ url }) => url)
  const acknowledged: Acknowledged[] = []
  const watched = new Map<string, ReturnType<typeof watchJob>>()

  const transcriptOf = ({ id }: Acknowledged): Transcript =>
    watched.get(id)?.transcript ?? { jobId: id, updates: [], reconnects: 0, closes: [] }

  function watch(job: Acknowledged): void {
    acknowledged.push(job)
    watched.set(job.id, watchJob(apis, job.id))
  }

  return {
    fal,
    members,
    apis,
    submit: async (count) => {
      const jobs = await Promise.all(Array.from({ length: count }, () => generate(apis)))
      for (const job of jobs) watch(job)
      return jobs
    },
    watch,
    transcriptOf,
    hasBeen: (job, status) => transcriptOf(job).updates.some((update) => update.status === status),
    count: (from) => countRows(databaseUrl, from),
    verify: async (row, figures = {}) => {
      const transcripts = await Promise.all([...watched.values()].map(({ done }) => done))
      const stored = await readStored(databaseUrl)
      const violations = findViolations({ acknowledged, posts: fal.posts, stored, transcripts })
      tell(row, {
        what: task.name,
        jobs: stored.length,
        'double POSTs': [...fal.posts.values()].filter((count) => count > 1).length,
        violations: violations.length,
        reconnects: transcripts.reduce((sum, { reconnects }) => sum + reconnects, 0),
        ...figures,
      })
      expect(violations).toEqual([])
    },
  }
}

/** Writes one row of the table when figures are being collected. */
export function tell(row: string, { what, ...figures }: { what: string; [figure: string]: string | number }): void {
  const file = process.env.FAULT_FIGURES
  // The row's name has its own column.
  const line = { row, what: what.replace(/^[A-Z]\d+(, [A-Z]\d+)*: /, ''), rounds: 1, ...figures }
  if (file) appendFileSync(file, `${JSON.stringify(line)}\n`)
}

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
}

async function countRows(databaseUrl: string, from: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    return Number((await client.query<{ count: string }>(`SELECT count(*) FROM ${from}`)).rows[0]?.count)
  } finally {
    await client.end()
  }
}
