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

/** A stretch of the list, newest first, between two jobs' ids. */
export interface JobRange {
  after?: string
  before?: string
  limit: number
  /** True: the oldest of the stretch instead of the newest. The order of the answer is newest first all the same. */
  fromEnd?: boolean
}

interface Place {
  createdAt: Date
  id: string
}

/** Before, and after, all jobs of one moment. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000'
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/**
 * A page of the list: newest first by `createdAt`, then by id. An index has each state's jobs in this order, so that a
 * page costs what it holds, however many jobs lie before it or do not meet the filter: of several states each is read as
 * a list of its own, and the lists are merged.
 */
export async function readJobs(
  db: Transaction,
  { ownerId, filter, range }: { ownerId: string; filter: JobFilter; range: JobRange },
): Promise<Job[]> {
  const { after, before, limit, fromEnd = false } = range
  const { createdAfter, createdBefore } = filter
  const [afterPlace, beforePlace] = await Promise.all([toPlace(db, after), toPlace(db, before)])
  // One bound on each side: of two, Postgres would begin at either, and walk to the other.
  const [newest] = [afterPlace, createdBefore && { createdAt: createdBefore, id: FIRST_ID }]
    .filter(isGiven)
    .toSorted(comparePlaces)
  const oldest = [beforePlace, createdAfter && { createdAt: createdAfter, id: LAST_ID }]
    .filter(isGiven)
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

/** The jobs that are there, by their ids, in one statement. Prisma takes ten times as long to make its objects of them. */
export async function readJobsById(db: Transaction, ids: readonly string[]): Promise<ReadonlyMap<string, Job>> {
  const rows = await db.$queryRaw<Job[]>`SELECT * FROM "Job" WHERE id = ANY(${[...new Set(ids)]}::uuid[])`
  return new Map(rows.map((row) => [row.id, row]))
}

/** Where a job stands in the list; one that is gone, about where it stood: its id, a UUIDv7, begins with a time. */
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

function isGiven<T>(value: T | null | undefined): value is T {
  return value != null
}
