import { fromPrisma, PgBoss } from 'pg-boss'
import { z } from 'zod'
import type { Transaction } from './db.ts'

/** A worker's hold on a task. `number` rises with every hold of the same task: the newest one counts. */
export interface Claim {
  jobId: string
  number: number
}

/**
 * The job engine: one task per job, from submit to end, in the same Postgres.
 * A task whose claim is not kept alive MUST become claimable again, with a higher number.
 */
export interface Queue {
  /** Adds the job's task. MUST take effect with the transaction, or not at all. */
  enqueue(tx: Transaction, jobId: string): Promise<void>
  /** Takes up to `limit` tasks that nobody holds. MUST NOT give one task to two callers. */
  claim(limit: number): Promise<Claim[]>
  /** Keeps claims alive, in one statement; answers those that are still held. Call it more often than every 10 s. */
  heartbeat(claims: readonly Claim[]): Promise<Claim[]>
  /** Ends a task. False when the claim is no longer the newest: then the transaction MUST be undone. */
  complete(tx: Transaction, claim: Claim): Promise<boolean>
  /** Gives tasks back: they are claimable at once. */
  release(claims: readonly Claim[]): Promise<void>
  stop(): Promise<void>
}

export interface QueueOptions {
  url: string
  onError(error: unknown, context: { stage: string }): void
}

const QUEUE = 'relay'

/** A claim that was not kept alive for this long is given to somebody else. 10 is the least that pg-boss takes. */
const HEARTBEAT_SECONDS = 10

/** What pg-boss answers to commands; its types say less. */
const Answer = z.object({ affected: z.number(), settled: z.array(z.string()).default([]) })

/** Opens pg-boss on its own schema, `pgboss`, which it creates and upgrades by itself. */
export async function openQueue({ url, onError }: QueueOptions): Promise<Queue> {
  const boss = new PgBoss({
    connectionString: url,
    application_name: 'reelay-queue',
    schema: 'pgboss',
    max: 4,
    // A takeover needs a look at the heartbeats; each look counts the task table, so ended tasks are removed early.
    superviseIntervalSeconds: 2,
    monitorIntervalSeconds: 2,
    maintenanceIntervalSeconds: 60,
  })
  boss.on('error', (error) => onError(error, { stage: 'queue' }))
  await boss.start()
  const options = {
    heartbeatSeconds: HEARTBEAT_SECONDS,
    // A retry is a worker that died: fal's own back-off lives inside the task. No number of deaths may lose a job.
    retryLimit: 1_000_000,
    retryDelay: 0,
    expireInSeconds: 6 * 3600,
    deleteAfterSeconds: 600,
    // A task that waits is a job that waits: it is never too old.
    retentionSeconds: 10 * 365 * 24 * 3600,
  }
  await boss.createQueue(QUEUE, options)
  // A queue that is there keeps its settings otherwise.
  await boss.updateQueue(QUEUE, options)

  return {
    enqueue: async (tx, jobId) => {
      await boss.send(QUEUE, null, { id: jobId, db: fromPrisma(tx) })
    },
    claim: async (limit) => {
      const tasks = await boss.fetch(QUEUE, { batchSize: Math.min(limit, 200) })
      return tasks.map(({ id, retryCount }) => ({ jobId: id, number: retryCount + 1 }))
    },
    heartbeat: async (claims) => {
      if (claims.length === 0) return []
      const { settled } = Answer.parse(await boss.touch(QUEUE, claims.map(toAttempt)))
      const held = new Set(settled)
      return claims.filter(({ jobId }) => held.has(jobId))
    },
    complete: async (tx, claim) => {
      const { affected } = Answer.parse(await boss.complete(QUEUE, toAttempt(claim), null, { db: fromPrisma(tx) }))
      return affected === 1
    },
    release: async (claims) => {
      if (claims.length > 0) await boss.fail(QUEUE, claims.map(toAttempt), { reason: 'released' })
    },
    stop: () => boss.stop({ graceful: false, close: true }),
  }
}

/** pg-boss counts from 0; a job's row says 0 while nobody has ever held it. */
function toAttempt({ jobId, number }: Claim): { id: string; retryCount: number } {
  return { id: jobId, retryCount: number - 1 }
}
