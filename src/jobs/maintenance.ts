import { type Database, transact } from '../adapters/postgres/client.ts'
import type { Queue } from '../adapters/queue.ts'
import type { Logger } from '../adapters/telemetry/logger.ts'
import { removeOldKeys } from './idempotency.ts'
import { addDeltaBatch } from './job-counts.ts'

interface MaintenanceDeps {
  db: Database
  queue: Queue
  onError(error: unknown, context: { stage: string }): void
}

interface MaintenanceOptions {
  /** Days after its end at which a job loses its image and all updates but the last. 0: as soon as it has ended. */
  retentionDays: number
  /** Rows of one kind per statement; a batch must finish within the statement timeout. Default 200. */
  batchSize?: number
  signal: AbortSignal
}

/** Every ten minutes: a run with nothing to do costs next to nothing. */
const CRON = '*/10 * * * *'

/** Younger jobs are not checked: a job is saved with its task in one transaction. */
const RESCUE_AFTER = '5 minutes'

/** Runs the maintenance on one instance at a time, now and then, and logs what it did. */
export async function scheduleMaintenance(
  { db, queue, logger, onError }: MaintenanceDeps & { logger: Logger },
  options: Pick<MaintenanceOptions, 'retentionDays'>,
): Promise<void> {
  // The name under which earlier versions put the schedule into the database.
  await queue.schedule('housekeeping', CRON, async (signal) => {
    const counts = await runMaintenance({ db, queue, onError }, { ...options, signal })
    if (Object.values(counts).some((count) => count > 0)) logger.info(counts, 'maintenance')
  })
}

/**
 * Keeps the tables from growing forever and every open job with a task, in short statements. A run may be aborted
 * anywhere, overlap another and be repeated: with nothing to do it costs four cheap queries. A part that fails is
 * reported, and the other parts still run. Returns how many keys were removed, jobs pruned, missing tasks restored, and
 * changes of counts added to the sums.
 * @throws the signal's reason once it aborts
 */
export async function runMaintenance(
  { db, queue, onError }: MaintenanceDeps,
  { retentionDays, batchSize = 200, signal }: MaintenanceOptions,
) {
  const pruneKeys = () => repeatUntilZero(() => removeOldKeys(db, batchSize), signal)
  const addDeltas = () => repeatUntilZero(() => addDeltaBatch(db, batchSize), signal)

  /**
   * Prunes in the order in which the jobs ended, so that a run starts where the last one stopped and rereads nothing.
   */
  async function pruneJobs(): Promise<number> {
    const [range] = await db.$queryRaw<{ until: Date; from: Date | null }[]>`
      WITH place AS (SELECT now() - make_interval(days => ${retentionDays}::int) AS until)
      SELECT until, (
        SELECT "finishedAt" FROM "Job" WHERE "finishedAt" < until AND "firstSequence" = "lastSequence"
        ORDER BY "finishedAt" DESC LIMIT 1
      ) AS "from" FROM place`
    if (!range) return 0
    let from = range.from ?? new Date(0)
    return await repeatUntilZero(async () => {
      const jobs = await pruneBatch(from, range.until)
      for (const { finishedAt } of jobs) if (finishedAt > from) from = finishedAt
      return jobs.length
    }, signal)
  }

  function pruneBatch(from: Date, until: Date): Promise<{ finishedAt: Date }[]> {
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

  /** An open job without a task would wait forever: somebody deleted the task in the job engine's tables. */
  async function rescueJobs(): Promise<number> {
    let rescued = 0
    let after = '00000000-0000-0000-0000-000000000000'
    for (;;) {
      signal.throwIfAborted()
      const open = await db.$queryRaw<{ id: string }[]>`
        SELECT id FROM "Job"
        WHERE "finishedAt" IS NULL AND "createdAt" < now() - ${RESCUE_AFTER}::interval AND id > ${after}::uuid
        ORDER BY id LIMIT ${batchSize}`
      const last = open.at(-1)
      if (!last) return rescued
      after = last.id
      const ids = open.map(({ id }) => id)
      const tasks = await queue.findTasks(ids)
      rescued += await rescueBatch(ids.filter((id) => !tasks.has(id)))
    }
  }

  async function rescueBatch(jobIds: string[]): Promise<number> {
    if (jobIds.length === 0) return 0
    return await transact(db, async (tx) => {
      // A job's end and its task's are one transaction: under the row's lock a job is open only if its task should be.
      const last = await tx.$queryRaw<{ jobId: string; number: number }[]>`
        SELECT id AS "jobId", claim AS number FROM "Job"
        WHERE id = ANY(${jobIds}::uuid[]) AND "finishedAt" IS NULL ORDER BY id FOR UPDATE`
      return (await queue.restore(tx, last)).length
    })
  }

  async function attempt(part: () => Promise<number>): Promise<number> {
    try {
      return await part()
    } catch (error) {
      signal.throwIfAborted()
      onError(error, { stage: `maintenance: ${part.name}` })
      return 0
    }
  }

  return {
    tasks: await attempt(rescueJobs),
    keys: await attempt(pruneKeys),
    jobs: await attempt(pruneJobs),
    deltas: await attempt(addDeltas),
  }
}

async function repeatUntilZero(runBatch: () => Promise<number>, signal: AbortSignal): Promise<number> {
  let total = 0
  for (;;) {
    signal.throwIfAborted()
    const count = await runBatch()
    total += count
    if (count === 0) return total
  }
}
