import type { Database } from '../adapters/postgres/client.ts'
import type { Queue } from '../adapters/queue.ts'
import { removeOldKeys } from './idempotency.ts'
import { addDeltaBatch } from './job-counts.ts'

/** What a tidying came to: keys removed, jobs thinned, tasks that were missing, changes of counts added up. */
export interface Tidied {
  keys: number
  jobs: number
  tasks: number
  deltas: number
}

/** Keeps the tables from growing for ever, and no job without somebody who sees to it. */
export interface Housekeeping {
  /**
   * Does all there is to do, in short statements. It may be cut anywhere, run twice at once, and be repeated: with nothing
   * to do it is four cheap queries. A part that fails is reported and leaves the others alone.
   * @throws the signal's reason once it aborts
   */
  tidy(signal: AbortSignal): Promise<Tidied>
}

export interface HousekeepingDeps {
  db: Database
  queue: Pick<Queue, 'findTasks' | 'restore'>
  onError(error: unknown, context: { stage: string }): void
}

export interface HousekeepingOptions {
  /** Jobs that ended so many days ago lose their log but for its last update, and their picture. 0: as soon as they have ended. */
  retentionDays: number
  /** Rows of one kind per statement; a batch has to be done within the time that a statement gets. Default 200. */
  batchSize?: number
}

/** Younger jobs are not missed yet: whoever saves a job adds its task in the same transaction. */
const MISSED_AFTER = '5 minutes'

export function createHousekeeping(
  { db, queue, onError }: HousekeepingDeps,
  { retentionDays, batchSize = 200 }: HousekeepingOptions,
): Housekeeping {
  const removeKeys = (signal: AbortSignal) => untilNone(() => removeOldKeys(db, batchSize), signal)
  const addDeltas = (signal: AbortSignal) => untilNone(() => addDeltaBatch(db, batchSize), signal)

  /**
   * Thins in the order in which the jobs ended, so that what is left to thin ended after all that is thinned: what was
   * thinned is not read again, however much of it there is.
   */
  async function thinJobs(signal: AbortSignal): Promise<number> {
    const [place] = await db.$queryRaw<{ until: Date; from: Date | null }[]>`
      WITH place AS (SELECT now() - make_interval(days => ${retentionDays}::int) AS until)
      SELECT until, (
        SELECT "finishedAt" FROM "Job" WHERE "finishedAt" < until AND "firstSequence" = "lastSequence"
        ORDER BY "finishedAt" DESC LIMIT 1
      ) AS "from" FROM place`
    if (!place) return 0
    let from = place.from ?? new Date(0)
    let thinned = 0
    for (;;) {
      signal.throwIfAborted()
      const jobs = await thinBatch(from, place.until)
      thinned += jobs.length
      for (const { finishedAt } of jobs) if (finishedAt > from) from = finishedAt
      if (jobs.length === 0) return thinned
    }
  }

  function thinBatch(from: Date, until: Date): Promise<{ finishedAt: Date }[]> {
    return db.$queryRaw`
      WITH ended AS (
        SELECT id, "finishedAt", "lastSequence" FROM "Job"
        WHERE "finishedAt" >= ${from} AND "finishedAt" < ${until} AND "firstSequence" < "lastSequence"
        ORDER BY "finishedAt", id LIMIT ${batchSize} FOR UPDATE
      ), updates AS (
        DELETE FROM "JobUpdate" u USING ended WHERE u."jobId" = ended.id AND u.sequence < ended."lastSequence"
      ), images AS (
        DELETE FROM "JobImage" i USING ended WHERE i."jobId" = ended.id
      )
      UPDATE "Job" j SET "firstSequence" = j."lastSequence" FROM ended WHERE j.id = ended.id
      RETURNING j."finishedAt"`
  }

  /** Jobs that have not ended and have no task would wait for ever: lost by somebody's hand in the engine's tables. */
  async function restoreTasks(signal: AbortSignal): Promise<number> {
    let restored = 0
    let after = '00000000-0000-0000-0000-000000000000'
    for (;;) {
      signal.throwIfAborted()
      const open = await db.$queryRaw<{ id: string }[]>`
        SELECT id FROM "Job"
        WHERE "finishedAt" IS NULL AND "createdAt" < now() - ${MISSED_AFTER}::interval AND id > ${after}::uuid
        ORDER BY id LIMIT ${batchSize}`
      const last = open.at(-1)
      if (!last) return restored
      after = last.id
      const tasks = await queue.findTasks(open.map(({ id }) => id))
      restored += await restoreBatch(open.map(({ id }) => id).filter((id) => !tasks.has(id)))
    }
  }

  async function restoreBatch(jobIds: string[]): Promise<number> {
    if (jobIds.length === 0) return 0
    return await db.$transaction(async (tx) => {
      // A job's end and its task's are one transaction: under the row's lock a job is open only if its task should be.
      const last = await tx.$queryRaw<{ jobId: string; number: number }[]>`
        SELECT id AS "jobId", claim AS number FROM "Job"
        WHERE id = ANY(${jobIds}::uuid[]) AND "finishedAt" IS NULL ORDER BY id FOR UPDATE`
      return (await queue.restore(tx, last)).length
    })
  }

  async function attempt(part: (signal: AbortSignal) => Promise<number>, signal: AbortSignal): Promise<number> {
    try {
      return await part(signal)
    } catch (error) {
      signal.throwIfAborted()
      onError(error, { stage: `housekeeping: ${part.name}` })
      return 0
    }
  }

  return {
    tidy: async (signal) => ({
      tasks: await attempt(restoreTasks, signal),
      keys: await attempt(removeKeys, signal),
      jobs: await attempt(thinJobs, signal),
      deltas: await attempt(addDeltas, signal),
    }),
  }
}

async function untilNone(runBatch: () => Promise<number>, signal: AbortSignal): Promise<number> {
  let all = 0
  for (;;) {
    signal.throwIfAborted()
    const count = await runBatch()
    all += count
    if (count === 0) return all
  }
}
