import type { Database } from '../adapters/postgres/client.ts'
import { Prisma } from '../generated/prisma/client.ts'
import { OPEN_STATUSES } from '../updates/job-status.ts'
import type { Notifier } from '../updates/notifier.ts'

/**
 * Handles a verified webhook delivery of fal. Apart from the id of a lost submit, a delivery is only a wake-up.
 * - `adopted`: a submit of this job had no answer, and this was its request: the row has the id now.
 * - `finished`: fal has finished the job's request.
 * - `ignored`: the job has ended, is unknown, or has another request. Nothing was changed.
 */
export async function handleFalWebhook(
  { db, notifier }: { db: Database; notifier: Notifier },
  { jobId, requestId }: { jobId: string; requestId: string },
): Promise<'adopted' | 'finished' | 'ignored'> {
  const adopted = await adopt(db, jobId, requestId)
  if (!adopted && !(await isOpenRequest(db, jobId, requestId))) return 'ignored'
  notifier.emit('jobChanged', jobId)
  return adopted ? 'adopted' : 'finished'
}

/** One conditional statement: of all writers that know the id, the submit included, one wins and none overwrites. */
async function adopt(db: Database, jobId: string, requestId: string): Promise<boolean> {
  try {
    const { count } = await db.job.updateMany({
      where: { id: jobId, status: { in: OPEN_STATUSES }, submittingAt: { not: null }, requestId: null },
      data: { requestId },
    })
    return count === 1
  } catch (error) {
    if (isRequestTaken(error)) return false
    throw error
  }
}

async function isOpenRequest(db: Database, jobId: string, requestId: string): Promise<boolean> {
  return (await db.job.count({ where: { id: jobId, requestId, status: { in: OPEN_STATUSES } } })) === 1
}

/** True when another job already has this request. */
export function isRequestTaken(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002'
}
