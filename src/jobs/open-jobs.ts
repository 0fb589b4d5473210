import type { Database } from '../adapters/postgres/client.ts'
import type { JobStatus } from '../generated/prisma/enums.ts'
import { isTerminal, TRANSITIONS } from '../updates/job-status.ts'

/** How many jobs have not ended. */
export interface OpenJobs {
  /** By state, with zeros. Asked often, or while an answer is awaited, it tells what it has: at most one query at a time. */
  count(): Promise<ReadonlyMap<JobStatus, number>>
}

const OPEN = (Object.keys(TRANSITIONS) as JobStatus[]).filter((status) => !isTerminal(status))

/** @param keepMs - for how long a count, or the failure to get one, is told again, in milliseconds. Default 5000. */
export function createOpenJobs(db: Database, { keepMs = 5_000 } = {}): OpenJobs {
  let last: { counts: Promise<ReadonlyMap<JobStatus, number>>; until: number } | null = null

  async function read(): Promise<ReadonlyMap<JobStatus, number>> {
    // The index of the ends has the jobs without one together.
    const groups = await db.job.groupBy({ by: ['status'], where: { finishedAt: null }, _count: true })
    const counts = new Map(groups.map(({ status, _count }) => [status, _count]))
    return new Map(OPEN.map((status) => [status, counts.get(status) ?? 0]))
  }

  return {
    count: () => {
      if (last && performance.now() < last.until) return last.counts
      const counts = read()
      const reading = { counts, until: Number.POSITIVE_INFINITY }
      const settle = (): void => {
        reading.until = performance.now() + keepMs
      }
      counts.then(settle, settle)
      last = reading
      return counts
    },
  }
}
