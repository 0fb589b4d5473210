import type { Database } from '../adapters/postgres/client.ts'
import { Prisma } from '../generated/prisma/client.ts'
import type { JobStatus } from '../generated/prisma/enums.ts'
import { OPEN_STATUSES } from '../updates/job-status.ts'
import type { CreatedRange } from './job-page.ts'

/** Times from `from` until before `to`, in milliseconds since 1970; empty when `to` is not later. */
interface Span {
  from: number
  to: number
}

const HOUR_MS = 3_600_000

/**
 * Counts an owner's jobs by state, exactly: whole hours of the range from the sums, the rest from the index of jobs.
 * One statement reads one snapshot, so that a concurrent move between the tables cannot distort the count.
 */
export async function countJobs(
  db: Database,
  ownerId: string,
  range: CreatedRange,
): Promise<ReadonlyMap<JobStatus, number>> {
  const { hours, edges } = splitRange(range)
  const inHours = Prisma.sql`"ownerId" = ${ownerId} AND ${isWithin(Prisma.sql`hour`, hours)}`
  const parts = [
    Prisma.sql`SELECT status, sum(jobs) AS jobs FROM "JobCount" WHERE ${inHours} GROUP BY status`,
    Prisma.sql`SELECT status, sum(jobs) FROM "JobCountDelta" WHERE ${inHours} GROUP BY status`,
    // One subquery per state, each on its own part of the index.
    ...edges.map(
      (edge) => Prisma.sql`SELECT status, (
        SELECT count(*) FROM "Job"
        WHERE "ownerId" = ${ownerId} AND status = each.status AND ${isWithin(Prisma.sql`"createdAt"`, edge)}
      ) FROM unnest(enum_range(NULL::"JobStatus")) AS each(status)`,
    ),
  ]
  const counts = await db.$queryRaw<{ status: JobStatus; count: number }[]>`
    SELECT status, sum(jobs)::int AS count FROM (${Prisma.join(parts, ' UNION ALL ')}) AS part GROUP BY status`
  return new Map(counts.map(({ status, count }) => [status, count]))
}

/**
 * Adds the oldest changes to the sums, in an order that rules out deadlocks between concurrent runs.
 * @returns the number of changes added; 0 when none is left, or others are adding the rest.
 */
export async function addDeltaBatch(db: Database, limit: number): Promise<number> {
  const [added] = await db.$queryRaw<{ count: number }[]>`
    WITH batch AS (
      SELECT id FROM "JobCountDelta" ORDER BY id LIMIT ${limit} FOR UPDATE SKIP LOCKED
    ), deltas AS (
      DELETE FROM "JobCountDelta" d USING batch WHERE d.id = batch.id RETURNING d.*
    ), sums AS (
      INSERT INTO "JobCount" AS sum ("ownerId", status, hour, jobs)
      SELECT "ownerId", status, hour, sum(jobs) FROM deltas GROUP BY 1, 2, 3 HAVING sum(jobs) <> 0 ORDER BY 1, 2, 3
      ON CONFLICT ("ownerId", status, hour) DO UPDATE SET jobs = sum.jobs + excluded.jobs
    )
    SELECT count(*)::int AS count FROM deltas`
  return added?.count ?? 0
}

/** Splits a range, whose ends are exclusive, into its whole hours and the parts before and after them. */
export function splitRange({ createdAfter, createdBefore }: CreatedRange): { hours: Span; edges: Span[] } {
  // Creation times have millisecond precision.
  const from = createdAfter ? createdAfter.getTime() + 1 : Number.NEGATIVE_INFINITY
  const to = createdBefore ? createdBefore.getTime() : Number.POSITIVE_INFINITY
  const hours = { from: Math.ceil(from / HOUR_MS) * HOUR_MS, to: Math.floor(to / HOUR_MS) * HOUR_MS }
  const edges = [
    { from, to: Math.min(hours.from, to) },
    { from: Math.max(hours.from, hours.to), to },
  ]
  return { hours, edges: edges.filter((edge) => edge.from < edge.to) }
}

function isWithin(column: Prisma.Sql, { from, to }: Span): Prisma.Sql {
  return Prisma.sql`${column} >= ${toTimestamp(from)} AND ${column} < ${toTimestamp(to)}`
}

/** As text, since neither JSON nor `Date` can express infinity. */
function toTimestamp(ms: number): Prisma.Sql {
  return Prisma.sql`to_timestamp(${String(ms / 1_000)}::text::float8)`
}

/**
 * Returns a function that counts the jobs that have not ended, by state, with zeros. Its callers share one query and
 * its result, or its failure, for `cacheMs`.
 * @param cacheMs - milliseconds. Default 5000.
 */
export function createOpenJobCounter(
  db: Database,
  { cacheMs = 5_000 } = {},
): () => Promise<ReadonlyMap<JobStatus, number>> {
  let last: { counts: Promise<ReadonlyMap<JobStatus, number>>; until: number } | null = null

  async function read(): Promise<ReadonlyMap<JobStatus, number>> {
    // The index on finishedAt keeps the jobs without an end next to each other.
    const groups = await db.job.groupBy({ by: ['status'], where: { finishedAt: null }, _count: true })
    const counts = new Map(groups.map(({ status, _count }) => [status, _count]))
    return new Map(OPEN_STATUSES.map((status) => [status, counts.get(status) ?? 0]))
  }

  return () => {
    if (last && performance.now() < last.until) return last.counts
    const reading = { counts: read(), until: Number.POSITIVE_INFINITY }
    const settle = (): void => {
      reading.until = performance.now() + cacheMs
    }
    reading.counts.then(settle, settle)
    last = reading
    return reading.counts
  }
}
