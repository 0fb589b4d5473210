import pg from 'pg'
import { fromPrisma, PgBoss } from 'pg-boss'
import { z } from 'zod'
import { DatabaseUnavailableError } from '../errors.ts'
import { Prisma } from '../generated/prisma/client.ts'
import type { Transaction } from './postgres/client.ts'
import { createPool } from './postgres/pool.ts'
import { readSchema, toQueueSchema } from './postgres/session.ts'

/** A worker's claim on a task. `number` rises with every claim of the same task: only the newest is valid. */
export interface Claim {
  jobId: string
  number: number
  /** The last claim lapsed without a heartbeat. */
  isTakeover?: boolean
}

/**
 * The job engine: one task per job, from submit to end, in the same Postgres.
 * A task whose claim is not kept alive MUST become claimable again, with a higher number.
 */
export interface Queue {
  /** Adds the job's task. MUST take effect with the transaction, or not at all. */
  enqueue(tx: Transaction, jobId: string): Promise<void>
  /** Claims up to `limit` unclaimed tasks. MUST NOT give one task to two callers. */
  claim(limit: number): Promise<Claim[]>
  /** Keeps claims alive, in one statement; returns those that are still valid. Call it more often than every 10 s. */
  heartbeat(claims: readonly Claim[]): Promise<Claim[]>
  /** Ends a task. False when the claim is no longer the newest: then the transaction MUST be undone. */
  complete(tx: Transaction, claim: Claim): Promise<boolean>
  /** Releases tasks: they are claimable at once. */
  release(claims: readonly Claim[]): Promise<void>
  /** The jobs among these that have a waiting or claimed task. */
  findTasks(jobIds: readonly string[]): Promise<Set<string>>
  /**
   * Adds lost tasks again, so that the next claim of each has a higher number than the given one.
   * MUST NOT change a task that waits or is claimed. Returns the jobs whose task was added.
   */
  restore(tx: Transaction, last: readonly Claim[]): Promise<string[]>
  /**
   * Runs a function by a schedule: once for each scheduled time, in one of the instances, and not while the last run
   * lasts. Another instance takes over a run whose process died; a failed run is reported and repeated.
   * @param name - the same in every instance
   * @param cron - five fields, in UTC
   */
  schedule(name: string, cron: string, run: (signal: AbortSignal) => Promise<void>): Promise<void>
  /** Aborts scheduled runs, which have `RUN_GRACE_MS` to end. */
  stop(): Promise<void>
}

interface QueueOptions {
  url: string
  onError(error: unknown, context: { stage: string }): void
  /** A task was claimed whose last claim had lapsed without a heartbeat. */
  onTakeover?(jobId: string): void
}

const QUEUE = 'relay'

const CONNECTIONS = 4
/** Longest time of a statement: a claim is kept alive more often than every 10 s. */
const LIMITS = { statementMs: 4_000 }
/** At the start one of the processes that start together creates and upgrades the tables, and the others wait. */
const START_LIMITS = { connectMs: 30_000, statementMs: 600_000 }

/** A claim without a heartbeat for this long lapses. 10 is pg-boss's minimum. */
const HEARTBEAT_SECONDS = 10

/** How long a stop waits for the scheduled runs that it has aborted, in milliseconds. */
const RUN_GRACE_MS = 2_000

const SCHEDULED = {
  // One waiting or active run in all instances together: a scheduled time during a run is skipped.
  policy: 'exclusive',
  heartbeatSeconds: HEARTBEAT_SECONDS,
  retryLimit: 3,
  retryDelay: 1,
  expireInSeconds: 3600,
  // Runs that no worker picks up expire.
  retentionSeconds: 600,
  deleteAfterSeconds: 600,
}

/** pg-boss's response to commands, of which its types show less. */
const CommandResponse = z.object({ affected: z.number(), settled: z.array(z.string()).default([]) })

/**
 * The output that pg-boss stores with a task whose heartbeats stopped. A released task, or a lost and restored one, has
 * another output or none: the number of its claim rises too, but no worker died.
 */
const HeartbeatTimeout = z.object({ value: z.object({ message: z.literal('job heartbeat timeout') }) })

/** Opens pg-boss on a separate schema, `pgboss` beside `public`, whose tables it creates and upgrades itself. */
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
    db: { executeSql: (text, values = []) => pool.query(text, values) },
    // Quoted for its upper case. pg-boss names its locks by this text, so the default name stays unquoted.
    schema: schema === 'pgboss' ? schema : pg.escapeIdentifier(schema),
    allowSchemaCaseVariant: true,
    // Postgres requires the right to create even where IF NOT EXISTS creates nothing.
    createSchema: !(await hasSchema(pool, schema)),
    // A takeover needs a check of the heartbeats. Each check counts the task table, so ended tasks are removed early.
    superviseIntervalSeconds: 2,
    monitorIntervalSeconds: 2,
    maintenanceIntervalSeconds: 60,
  })
  boss.on('error', (error) => onError(toCause(error), { stage: 'queue' }))
  await boss.start()
  const options = {
    heartbeatSeconds: HEARTBEAT_SECONDS,
    // A retry here means that a worker died: fal's back-off is inside the task. The relay counts deaths and ends a job
    // that keeps killing its worker.
    retryLimit: 1_000_000,
    retryDelay: 0,
    expireInSeconds: 6 * 3600,
    deleteAfterSeconds: 600,
    // A waiting task is a waiting job, which never expires.
    retentionSeconds: 10 * 365 * 24 * 3600,
  }
  await boss.createQueue(QUEUE, options)
  // createQueue does not change the settings of an existing queue.
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
        if (!HeartbeatTimeout.safeParse(output).success) return claim
        onTakeover?.(id)
        return { ...claim, isTakeover: true }
      })
    },
    heartbeat: async (claims) => {
      if (claims.length === 0) return []
      const { settled } = CommandResponse.parse(await boss.touch(QUEUE, claims.map(toAttempt)))
      const valid = new Set(settled)
      return claims.filter(({ jobId }) => valid.has(jobId))
    },
    complete: async (tx, claim) => {
      const { affected } = CommandResponse.parse(
        await boss.complete(QUEUE, toAttempt(claim), null, { db: fromPrisma(tx) }),
      )
      return affected === 1
    },
    release: async (claims) => {
      if (claims.length > 0) await boss.fail(QUEUE, claims.map(toAttempt), { reason: 'released' })
    },
    findTasks: async (jobIds) => {
      const { rows } = await pool.query<{ id: string }>(
        `SELECT id FROM ${taskTable.sql} WHERE name = $1 AND id = ANY($2::uuid[]) AND state <= 'active'`,
        [QUEUE, [...jobIds]],
      )
      return new Set(rows.map(({ id }) => id))
    },
    restore: async (tx, last) => {
      const jobIds = last.map(({ jobId }) => jobId)
      // pg-boss keeps an ended task, and with it the id, for a while.
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

/** pg-boss counts from 0; a job's row has 0 until its first claim. */
function toAttempt({ jobId, number }: Claim): { id: string; retryCount: number } {
  return { id: jobId, retryCount: number - 1 }
}

/**
 * Errors of pg-boss's workers are plain objects with the properties of the original, and with the worker's name after
 * the message.
 */
function toCause(error: Error): Error {
  if (error instanceof Error) return error
  const { name, message, stack = '', code, sqlState } = error as Error & { code?: unknown; sqlState?: string | null }
  const reason = message.replace(/ \(Queue: .*\)$/, '')
  if (name !== 'DatabaseUnavailableError') return Object.assign(new Error(reason), { stack, code })
  return Object.assign(new DatabaseUnavailableError(reason, { sqlState: sqlState ?? null }), { stack })
}
