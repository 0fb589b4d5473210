import type { Database } from '../adapters/db.ts'
import type { Job, Prisma } from '../generated/prisma/client.ts'
import type { JobStatus } from '../generated/prisma/enums.ts'

export interface JobFilter {
  status?: readonly JobStatus[] | null | undefined
  createdAfter?: Date | null | undefined
  createdBefore?: Date | null | undefined
}

/** A stretch of the list, newest first, between two jobs' ids. */
export interface JobRange {
  after?: string
  before?: string
  limit: number
  /** True: the oldest of the stretch instead of the newest. The order of the answer is newest first all the same. */
  fromEnd?: boolean
}

export function toJobWhere(ownerId: string, { status, createdAfter, createdBefore }: JobFilter): Prisma.JobWhereInput {
  return {
    ownerId,
    ...(status && { status: { in: [...new Set(status)] } }),
    createdAt: { ...(createdAfter && { gt: createdAfter }), ...(createdBefore && { lt: createdBefore }) },
  }
}

/** Ids are UUIDv7: their order is the order of creation, so the id alone is the place in the list. */
export async function readJobs(
  db: Database,
  where: Prisma.JobWhereInput,
  { after, before, limit, fromEnd = false }: JobRange,
): Promise<Job[]> {
  const rows = await db.job.findMany({
    where: { AND: [where, after ? { id: { lt: after } } : {}, before ? { id: { gt: before } } : {}] },
    orderBy: { id: fromEnd ? 'asc' : 'desc' },
    take: limit,
  })
  return fromEnd ? rows.reverse() : rows
}
