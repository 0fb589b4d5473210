import type { Database } from '../adapters/postgres/client.ts'
import { Prisma } from '../generated/prisma/client.ts'
import type { JobStatus } from '../generated/prisma/enums.ts'
import { isTerminal, TRANSITIONS } from '../updates/job-status.ts'
import type { Notifier } from '../updates/notifier.ts'

/** What fal tells by itself, by webhook: never more than a reason to look, but for the id of a lost submit. */
export interface Deliveries {
  /**
   * Takes what a verified delivery says of a job.
   * - `adopted`: a submit of this job had left without an answer, and this was its request: the row has the id now.
   * - `news`: fal is done with the job's request.
   * - `ignored`: the job has ended, is unknown, or has another request. Nothing was changed.
   */
  take(delivery: { jobId: string; requestId: string }): Promise<'adopted' | 'news' | 'ignored'>
}

export interface DeliveriesDeps {
  db: Database
  notifier: Notifier
}

const OPEN_STATUSES = (Object.keys(TRANSITIONS) as JobStatus[]).filter((status) => !isTerminal(status))

export function createDeliveries({ db, notifier }: DeliveriesDeps): Deliveries {
  /** One conditional statement, so that of all who know the id, the sender included, one is first and none overwrites. */
  async function adopt(jobId: string, requestId: string): Promise<boolean> {
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

  async function isOpenRequest(jobId: string, requestId: string): Promise<boolean> {
    return (await db.job.count({ where: { id: jobId, requestId, status: { in: OPEN_STATUSES } } })) === 1
  }

  return {
    take: async ({ jobId, requestId }) => {
      const adopted = await adopt(jobId, requestId)
      if (!adopted && !(await isOpenRequest(jobId, requestId))) return 'ignored'
      notifier.emit('jobChanged', jobId)
      return adopted ? 'adopted' : 'news'
    },
  }
}

/** Another job has this request. */
export function isRequestTaken(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002'
}
