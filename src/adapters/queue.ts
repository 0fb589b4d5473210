import pg from 'pg'
import { fromPrisma, PgBoss } from 'pg-boss'
import { z } from 'zod'
import { DatabaseUnavailableError } from '../errors.ts'
import { Prisma } from '../generated/prisma/client.ts'
import type { Transaction } from './postgres/client.ts'
import { createPool } from './postgres/pool.ts'
import { readSchema, toQueueSchema } from './postgres/session.ts'

/** A worker's hold on a task. `number` rises with every hold of the same task: the newest one counts. */
export interface Claim {
  jobId: string
  number: number
  /** The last holder gave no sign of life. */
  isTakeover?: boolean
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
  /** Those of the jobs that have a task that waits or is held. */
  findTasks(jobIds: readonly string[]): Promise<Set<string>>
  /**
   * Adds the tasks that were lost, so that the next hold of each has a higher number than the one given.
   * MUST leave a task alone that waits or is held. Answers the jobs whose task was added.
   */
  restore(tx: Transaction, last: readonly Claim[]): Promise<string[]>
  /**
   * Runs something at times, from now on: once for each time, by one of the instances that asked for it, and not while
   * it still runs. A run whose process died is taken over; one that failed is reported and repeated.
   * @param name - the same in every instance
   * @param cron - five fields, in UTC
   */
  schedule(name: string, cron: string, run: (signal: AbortSignal) => Promise<void>): Promise<void>
  /** What runs by schedule is aborted, and has `RUN_GRACE_MS` to end. */
  stop(): Promise<void>
}

export interface QueueOptions {
  url: string
  onError(error: unknown, context: { stage: string }): void
  /** A task was claimed whose last holder had given no sign of life. */
  onTakeover?(jobId: string): void
}

const QUEUE = 'relay'

const CONNECTIONS = 4
/** Longest time of a statement: a claim is kept alive more often than every 10 s. */
const LIMITS = { statementMs: 4_000 }
/** At the start one of the processes that start together creates and upgrades the tables, and the others wait. */
const START_LIMITS = { connectMs: 30_000, statementMs: 600_000 }

/** A claim that was not kept alive for this long is given to somebody else. 10 is the least that pg-boss takes. */
const HEARTBEAT_SECONDS = 10

/** How long a stop waits for scheduled work that it has aborted, in milliseconds. */
const RUN_GRACE_MS = 2_000

const SCHEDULED = {
  // One that waits or runs, in all instances together: a time that comes during a run is left out.
  policy: 'exclusive',
  heartbeatSeconds: HEARTBEAT_SECONDS,
  retryLimit: 3,
  retryDelay: 1,
  expireInSeconds: 3600,
  // While nobody works, times pass without a trace.
  retentionSeconds: 600,
  deleteAfterSeconds: 600,
}

/** What pg-boss answers to commands; its types say less. */
const Answer = z.object({ affected: z.number(), settled: z.array(z.string()).default([]) })

/**
 * What pg-boss notes at a task that it took from its holder for want of heartbeats. A task that was given back, or lost and
 * restored, has another note or none: the number of its claim rises too, but nobody died.
 */
const LostHolder = z.object({ value: z.object({ message: z.literal('job heartbeat timeout') }) })

/** Opens pg-boss on a schema of its own, `pgboss` beside `public`, whose tables it creates and upgrades by itself. */
export async function openQueue({ url, onError, onTakeover }: QueueOptions): Promise<Queue> {
  const openPool = (limits: { connectMs?: number; statementMs: number }) =>
    createPool({
      url,
      name: 'reelay-queue',
      connections: CONNECTIONS,
      ...limits,
      onError: (error) => onError(error, { stage: 'queue connection' }),
    })
  const startPool = openPool(START_LIMITS)
  let pool = startPool
  const schema = toQueueSchema(readSchema(url))
  const taskTable = Prisma.raw(`${pg.escapeIdentifier(schema)}.job`)
  const boss = new PgBoss({
    db: {
      executeSql: (text, values = []) => pool.query(text, values),
    },
    // Quoted, its case counts. The one without quotes is what its locks have always been named by.
    schema: schema === 'pgboss' ? schema : pg.escapeIdentifier(schema),
    allowSchemaCaseVariant: true,
    // Postgres asks for the right to create even where IF NOT EXISTS creates nothing.
    createSchema: !(await hasSchema(pool, schema)),
    // A takeover needs a look at the heartbeats; each look counts the task table, so ended tasks are removed early.
    superviseIntervalSeconds: 2,
    monitorIntervalSeconds: 2,
    maintenanceIntervalSeconds: 60,
  })
  boss.on('error', (error) => onError(toCause(error), { stage: 'queue' }))
  await boss.start()
  const options = {
    heartbeatSeconds: HEARTBEAT_SECONDS,
    // A retry is a worker that died: fal's own back-off lives inside the task. Which job is to blame for a death the engine
    // cannot tell: the relay counts them, and ends the job that kills.
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
  pool = openPool(LIMITS)
  await startPool.end()
  const stopping = new AbortController()

  return {
    enqueue: async (tx, jobId) => {
      await boss.send(QUEUE, null, { id: jobId, db: fromPrisma(tx) })
    },
    claim: async (limit) => {
      const tasks = await boss.fetch(QUEUE, { batchSize: Math.min(limit, 200), includeMetadata: true })
      return tasks.map(({ id, retryCount, output }) => {
        const claim = { jobId: id, number: retryCount + 1 }
        if (!LostHolder.safeParse(output).success) return claim
        onTakeover?.(id)
        return { ...claim, isTakeover: true }
      })
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
    findTasks: async (jobIds) => {
      const { rows } = await boss
        .getDb()
        .executeSql(`SELECT id FROM ${taskTable.sql} WHERE name = $1 AND id = ANY($2::uuid[]) AND state <= 'active'`, [
          QUEUE,
          [...jobIds],
        ])
      return new Set(rows.map((row: { id: string }) => row.id))
    },
    restore: async (tx, last) => {
      const jobIds = last.map(({ jobId }) => jobId)
      // pg-boss keeps an ended task for a while, and its id with it.
      await tx.$executeRaw`DELETE FROM ${taskTable} WHERE name = ${QUEUE} AND id = ANY(${jobIds}::uuid[]) AND state > 'active'`
      const tasks = jobIds.map((id) => ({ id }))
      const added = (await boss.insert(QUEUE, tasks, { db: fromPrisma(tx), returnId: true })) ?? []
      await tx.$executeRaw`
        UPDATE ${taskTable} t SET retry_count = c.number
        FROM jsonb_to_recordset(${JSON.stringify(last)}::jsonb) AS c("jobId" uuid, number int)
        WHERE t.name = ${QUEUE} AND t.id = c."jobId" AND t.id = ANY(${added}::uuid[])`
      return added
    },
    schedule: async (name, cron, run) => {
      await boss.createQueue(name, SCHEDULED)
      await boss.work(name, async ([task]) => {
        try {
          await run(task ? AbortSignal.any([task.signal, stopping.signal]) : stopping.signal)
        } catch (error) {
          if (!stopping.signal.aborted) onError(error, { stage: name })
          throw error
        }
      })
      await boss.schedule(name, cron)
    },
    stop: async () => {
      stopping.abort(new Error('the queue is being stopped'))
      await boss.stop({ graceful: true, timeout: RUN_GRACE_MS })
      await pool.end()
    },
  }
}

async function hasSchema(pool: pg.Pool, schema: string): Promise<boolean> {
  const { rowCount } = await pool.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema])
  return rowCount === 1
}

/** pg-boss counts from 0; a job's row says 0 while nobody has ever held it. */
function toAttempt({ jobId, number }: Claim): { id: string; retryCount: number } {
  return { id: jobId, retryCount: number - 1 }
}

/** Errors of pg-boss's workers are plain objects with the properties of the original, and with the worker's name after the message. */
function toCause(error: Error): Error {
  if (error instanceof Error) return error
  const { name, message, stack = '', code } = error as Error & { code?: unknown }
  const reason = message.replace(/ \(Queue: .*\)$/, '')
  const cause = name === 'DatabaseUnavailableError' ? new DatabaseUnavailableError(reason) : new Error(reason)
  return Object.assign(cause, { stack, code })
}
