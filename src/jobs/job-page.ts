import type { Transaction } from '../adapters/postgres/client.ts'
import { type Job, Prisma } from '../generated/prisma/client.ts'
import type { JobStatus } from '../generated/prisma/enums.ts'

export interface CreatedRange {
  createdAfter?: Date | null | undefined
  createdBefore?: Date | null | undefined
}

export interface JobFilter extends CreatedRange {
  status?: readonly JobStatus[] | null | undefined
}

/** A part of the list, newest first, between the ids of two jobs. */
export interface JobRange {
  after?: string
  before?: string
  limit: number
  /** True: the oldest jobs of the range instead of the newest, still returned newest first. */
  fromEnd?: boolean
}

interface Place {
  createdAt: Date
  id: string
}

/** Sort before and after all jobs created at the same instant. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000'
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/**
 * Reads a page of the list, newest first by `createdAt`, then by id. An index holds each state's jobs in this order.
 * The cost of a page depends only on its length, not on its position or the filter: several states are read as separate
 * lists and merged.
 */
export async function readJobs(
  db: Transaction,
  { ownerId, filter, range }: { ownerId: string; filter: JobFilter; range: JobRange },
): Promise<Job[]> {
  const { after, before, limit, fromEnd = false } = range
  const { createdAfter, createdBefore } = filter
  const [afterPlace, beforePlace] = await Promise.all([toPlace(db, after), toPlace(db, before)])
  // Only the tighter bound per side: given two, Postgres may start the scan at the looser one.
  const [newest] = [afterPlace, createdBefore && { createdAt: createdBefore, id: FIRST_ID }]
    .filter((place) => place != null)
    .toSorted(comparePlaces)
  const oldest = [beforePlace, createdAfter && { createdAt: createdAfter, id: LAST_ID }]
    .filter((place) => place != null)
    .toSorted(comparePlaces)
    .at(-1)
  const where = Prisma.sql`"ownerId" = ${ownerId} ${within('<', newest)} ${within('>', oldest)}`
  const order = fromEnd ? Prisma.sql`ORDER BY "createdAt", id` : Prisma.sql`ORDER BY "createdAt" DESC, id DESC`
  const rows = filter.status
    ? await db.$queryRaw<Job[]>`
        SELECT j.* FROM unnest(${[...new Set(filter.status)]}::text[]) AS wanted(status) CROSS JOIN LATERAL (
          SELECT * FROM "Job" WHERE status = wanted.status::"JobStatus" AND ${where} ${order} LIMIT ${limit}
        ) j ${order} LIMIT ${limit}`
    : await db.$queryRaw<Job[]>`SELECT * FROM "Job" WHERE ${where} ${order} LIMIT ${limit}`
  return fromEnd ? rows.reverse() : rows
}

/** Reads existing jobs by id, in one statement. Raw SQL is ten times faster than Prisma's findMany here. */
export async function readJobsById(db: Transaction, ids: readonly string[]): Promise<ReadonlyMap<string, Job>> {
  const rows = await db.$queryRaw<Job[]>`SELECT * FROM "Job" WHERE id = ANY(${[...new Set(ids)]}::uuid[])`
  return new Map(rows.map((row) => [row.id, row]))
}

/** The position of a job in the list. For a deleted job it is approximate: a UUIDv7 starts with its creation time. */
async function toPlace(db: Transaction, id: string | undefined): Promise<Place | null> {
  if (id === undefined) return null
  const job = await db.job.findUnique({ where: { id }, select: { createdAt: true } })
  return { createdAt: job?.createdAt ?? new Date(Number.parseInt(id.replace('-', '').slice(0, 12), 16)), id }
}

function comparePlaces(a: Place, b: Place): number {
  return a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1)
}

function within(side: '<' | '>', place: Place | undefined): Prisma.Sql {
  if (!place) return Prisma.empty
  return Prisma.sql`AND ("createdAt", id) ${Prisma.raw(side)} (${place.createdAt}::timestamptz, ${place.id}::uuid)`
}
