import DataLoader from 'dataloader'
import type { Database, Transaction } from '../adapters/postgres/client.ts'
import { Prisma } from '../generated/prisma/client.ts'
import type { JobStatus } from '../generated/prisma/enums.ts'
import { isTerminal, TRANSITIONS } from './job-status.ts'
import type { Notifier } from './notifier.ts'
import type { LogLine, PreviousStatus, Update } from './update.ts'

/** A proposed change to a job. */
export interface Change {
  jobId: string
  /** The number of the worker's claim: a stale one writes nothing. Null when no claim is needed. */
  claim: number | null
  /** Applied only if the status table allows it; otherwise the job keeps its status. */
  status: JobStatus
  queuePosition?: number | null
  progress?: number | null
  logs?: LogLine[]
  /** How much of the provider's log has been recorded in all: lines, and bytes of their text. */
  recorded?: { lines: number; bytes: number }
}

/** The outcome of a change. A change that brings nothing new is not stored. */
export type Appended =
  /** `previous`: the status that the job left by the update; null when its status stayed. */
  | { outcome: 'stored'; update: Update; status: JobStatus; previous: PreviousStatus | null }
  | { outcome: 'unchanged'; status: JobStatus }
  /** The job does not exist, or has a newer claim: stop. */
  | { outcome: 'fenced' }

/** Selects stored updates of a job by sequence, both bounds exclusive. */
export interface UpdateRange {
  after?: number
  before?: number
  limit: number
  /** True selects the newest of the range instead of the oldest. The result is in ascending order either way. */
  fromEnd?: boolean
}

/**
 * The history of every job: append-only, and numbered under the job's row lock, so that a subscriber who has update n has
 * all updates before it.
 */
export interface UpdateLog {
  /** Appends in one statement with all changes of the same moment. At most one call per job at a time. */
  append(change: Change): Promise<Appended>
  /** Appends within a transaction. The caller emits `updateStored` once it has committed. */
  appendIn(tx: Transaction, change: Change): Promise<Appended>
  read(jobId: string, range: UpdateRange): Promise<Update[]>
  /** The same range of many jobs in one query. */
  readMany(jobIds: readonly string[], range: UpdateRange): Promise<Map<string, Update[]>>
  /** The job's state now as one update, with the newest sequence and all log lines so far, read in one statement. */
  snapshot(jobId: string): Promise<Update>
  /** The updates after the given sequence of each job, oldest first, in one query; at most `limit` of each. */
  readTails(after: ReadonlyMap<string, number>, limit: number): Promise<Update[]>
  /** Newest sequence of each job. */
  heads(jobIds: readonly string[]): Promise<Map<string, number>>
}

/** Milliseconds for which appends are collected into one statement. */
const COLLECT_MS = 5

export function createUpdateLog({ db, notifier }: { db: Database; notifier: Notifier }): UpdateLog {
  // The model may have reported no progress, or not all of it, and rows of older versions have none.
  const toUpdate = (row: UpdateRow): Update => ({
    ...row,
    progress: row.status === 'SUCCEEDED' ? 1 : row.progress,
    final: isTerminal(row.status),
    missed: 0,
  })

  async function appendAll(client: Transaction, changes: readonly Change[]): Promise<Appended[]> {
    const rows = await client.$queryRaw<AppendedRow[]>(appendStatement(changes))
    const byJob = new Map(rows.map((row) => [row.jobId, row]))
    return changes.map(({ jobId }) => {
      const row = byJob.get(jobId)
      if (!row) return { outcome: 'fenced' }
      const { stored, previous, previousSeconds: seconds, ...update } = row
      if (!stored) return { outcome: 'unchanged', status: row.status }
      return {
        outcome: 'stored',
        update: toUpdate(update),
        status: row.status,
        previous: previous === null ? null : { status: previous, seconds },
      }
    })
  }

  const batches = new DataLoader<Change, Appended>(
    async (changes) => {
      const appended = await appendAll(db, changes)
      for (const result of appended)
        if (result.outcome === 'stored') notifier.emit('updateStored', result.update, result.previous)
      return appended
    },
    { cache: false, maxBatchSize: 500, batchScheduleFn: (flush) => setTimeout(flush, COLLECT_MS) },
  )

  async function readMany(
    jobIds: readonly string[],
    { after = 0, before, limit, fromEnd = false }: UpdateRange,
  ): Promise<Map<string, Update[]>> {
    const direction = fromEnd ? Prisma.raw('DESC') : Prisma.raw('ASC')
    const rows = await db.$queryRaw<UpdateRow[]>`
      SELECT j.id AS "jobId", j."ownerId", u.sequence, u.at, u.status::text AS status, u."queuePosition", u.progress, u.logs
      FROM "Job" j CROSS JOIN LATERAL (
        SELECT * FROM "JobUpdate" WHERE "jobId" = j.id AND sequence > ${after} AND sequence < ${before ?? 2_147_483_647}
        ORDER BY sequence ${direction} LIMIT ${limit}
      ) u
      WHERE j.id = ANY(${[...jobIds]}::uuid[]) ORDER BY j.id, u.sequence`
    const updates = new Map<string, Update[]>(jobIds.map((id) => [id, []]))
    for (const row of rows) updates.get(row.jobId)?.push(toUpdate(row))
    return updates
  }

  /** Subscribers that connect at once, as after a restart, mostly share a cursor: each page is read once. */
  const pages = new DataLoader<UpdateRange & { jobId: string }, Update[]>(
    async (wanted) => {
      const ranges = Map.groupBy(wanted, ({ jobId: _, ...range }) => JSON.stringify(range))
      const read = new Map<string, Map<string, Update[]>>()
      for (const [key, [first, ...rest]] of ranges)
        if (first) read.set(key, await readMany([...new Set([first, ...rest].map(({ jobId }) => jobId))], first))
      return wanted.map(({ jobId, ...range }) => read.get(JSON.stringify(range))?.get(jobId) ?? [])
    },
    { cache: false, batchScheduleFn: (flush) => setImmediate(flush) },
  )

  const snapshots = new DataLoader<string, Update>(
    async (jobIds) => {
      const rows = await db.$queryRaw<UpdateRow[]>`
        SELECT j.id AS "jobId", j."ownerId", j."lastSequence" AS sequence, j.status::text AS status, j."queuePosition",
          coalesce((SELECT max(at) FROM "JobUpdate" WHERE "jobId" = j.id), j."createdAt") AS at,
          (SELECT progress FROM "JobUpdate" WHERE "jobId" = j.id AND progress IS NOT NULL ORDER BY sequence DESC LIMIT 1) AS progress,
          coalesce((SELECT jsonb_agg(line.value ORDER BY u.sequence, line.ordinality)
            FROM "JobUpdate" u, jsonb_array_elements(u.logs) WITH ORDINALITY AS line WHERE u."jobId" = j.id), '[]') AS logs
        FROM "Job" j WHERE j.id = ANY(${[...new Set(jobIds)]}::uuid[])`
      const byId = new Map(rows.map((row) => [row.jobId, toUpdate(row)]))
      return jobIds.map((id) => byId.get(id) ?? new Error(`job ${id} does not exist any more`))
    },
    { cache: false, batchScheduleFn: (flush) => setImmediate(flush) },
  )

  return {
    append: (change) => batches.load(change),
    appendIn: async (tx, change) => {
      const [appended] = await appendAll(tx, [change])
      return appended ?? { outcome: 'fenced' }
    },
    readMany,
    read: (jobId, range) => pages.load({ jobId, ...range }),
    snapshot: (jobId) => snapshots.load(jobId),
    readTails: async (after, limit) => {
      const wanted = JSON.stringify([...after].map(([jobId, sequence]) => ({ jobId, sequence })))
      const rows = await db.$queryRaw<UpdateRow[]>`
        SELECT j.id AS "jobId", j."ownerId", u.sequence, u.at, u.status::text AS status, u."queuePosition", u.progress, u.logs
        FROM jsonb_to_recordset(${wanted}::jsonb) AS w("jobId" uuid, sequence int)
        JOIN "Job" j ON j.id = w."jobId" CROSS JOIN LATERAL (
          SELECT * FROM "JobUpdate" WHERE "jobId" = j.id AND sequence > w.sequence ORDER BY sequence LIMIT ${limit}
        ) u
        ORDER BY j.id, u.sequence`
      return rows.map(toUpdate)
    },
    heads: async (jobIds) => {
      const where = { id: { in: [...jobIds] } }
      const rows = await db.job.findMany({ where, select: { id: true, lastSequence: true } })
      return new Map(rows.map((row) => [row.id, row.lastSequence]))
    },
  }
}

/** The status table as rows: which status may follow which. */
const MOVES = Prisma.raw(
  Object.entries(TRANSITIONS)
    .flatMap(([from, to]) => to.map((next) => `('${from}', '${next}')`))
    .join(', '),
)

type UpdateRow = Omit<Update, 'final' | 'missed'>
type AppendedRow = UpdateRow & { stored: boolean; previous: JobStatus | null; previousSeconds: number }

/**
 * One statement: locks the rows in id order, so that batches cannot deadlock, decides what is new, numbers it, and writes
 * the row and the log. Returns a row per job that may be written to; `stored` when it was.
 */
function appendStatement(changes: readonly Change[]): Prisma.Sql {
  const given = JSON.stringify(
    changes.map(({ jobId, claim, status, queuePosition, progress, logs, recorded }) => ({
      jobId,
      claim,
      status,
      position: queuePosition ?? null,
      progress: progress ?? null,
      logs: logs ?? [],
      lines: recorded?.lines ?? null,
      bytes: recorded?.bytes ?? null,
    })),
  )
  return Prisma.sql`
    WITH given AS (
      SELECT * FROM jsonb_to_recordset(${given}::jsonb)
        AS g("jobId" uuid, claim int, status text, position int, progress float8, logs jsonb, lines int, bytes int)
    ), moves ("from", next) AS (VALUES ${MOVES}), locked AS (
      SELECT j.id, j.status, j."statusSince", j.claim, j."queuePosition" FROM "Job" j
      WHERE j.id IN (SELECT "jobId" FROM given) ORDER BY j.id FOR UPDATE
    ), decided AS (
      SELECT g.*, l.status AS previous, l."statusSince" AS "previousSince", l."queuePosition" AS "previousPosition", move.next IS NOT NULL AS moved,
        coalesce(move.next, l.status::text) AS next, EXISTS (SELECT 1 FROM moves m WHERE m."from" = l.status::text) AS open
      FROM given g JOIN locked l ON l.id = g."jobId"
      LEFT JOIN moves move ON move."from" = l.status::text AND move.next = g.status
      WHERE g.claim IS NULL OR g.claim = l.claim
    ), placed AS (
      SELECT d.*, CASE WHEN d.next = 'QUEUED' THEN coalesce(d.position, d."previousPosition") END AS place FROM decided d
    ), advanced AS (
      UPDATE "Job" j SET
        status = p.next::"JobStatus", "queuePosition" = p.place, "lastSequence" = j."lastSequence" + 1,
        "statusSince" = CASE WHEN p.moved THEN clock_timestamp() ELSE j."statusSince" END,
        "startedAt" = CASE WHEN p.next = 'RUNNING' THEN coalesce(j."startedAt", clock_timestamp()) ELSE j."startedAt" END,
        "finishedAt" = CASE WHEN EXISTS (SELECT 1 FROM moves m WHERE m."from" = p.next) THEN NULL ELSE clock_timestamp() END,
        -- Progress clears the suspicion: the workers that died with the job did not die of it.
        takeovers = 0,
        "falLogLines" = coalesce(p.lines, j."falLogLines"), "falLogBytes" = coalesce(p.bytes, j."falLogBytes")
      FROM placed p
      WHERE j.id = p."jobId" AND p.open
        AND (p.moved OR p.place IS DISTINCT FROM p."previousPosition" OR jsonb_array_length(p.logs) > 0)
      RETURNING j.id, j."ownerId", j."lastSequence" AS sequence, j."statusSince"
    ), stored AS (
      INSERT INTO "JobUpdate" ("jobId", sequence, at, status, "queuePosition", progress, logs)
      SELECT a.id, a.sequence, clock_timestamp(), p.next::"JobStatus", p.place, p.progress, p.logs
      FROM advanced a JOIN placed p ON p."jobId" = a.id
      RETURNING *
    )
    SELECT p."jobId", a."ownerId", s.sequence, s.at, p.next AS status, s."queuePosition", s.progress, s.logs, s.sequence IS NOT NULL AS stored,
      CASE WHEN p.moved AND a.id IS NOT NULL THEN p.previous::text END AS previous,
      greatest(0, extract(epoch FROM a."statusSince" - p."previousSince"))::float8 AS "previousSeconds"
    FROM placed p LEFT JOIN advanced a ON a.id = p."jobId" LEFT JOIN stored s ON s."jobId" = p."jobId"`
}
