import { type Database, transact } from '../adapters/postgres/client.ts'
import type { Claim, Queue } from '../adapters/queue.ts'
import type { Job, Prisma } from '../generated/prisma/client.ts'
import type { Notifier } from '../updates/notifier.ts'
import type { UpdateLog } from '../updates/update-log.ts'
import type { Ending } from './ending.ts'
import { isRequestTaken } from './fal-webhook.ts'
import { readImage } from './image-store.ts'
import { type KeptResult, keepResult, readKeptResult } from './kept-result.ts'
import type { VideoResult } from './models.ts'
import { SUSPECT_TAKEOVERS } from './takeovers.ts'

/** A job's row as of `readAt`, by the database's clock: the clocks of the workers' machines differ. */
export type ReadJob = Job & { readAt: Date }

/**
 * The reads and writes of a job's worker. Every write compares the claim with the row: when the row has a newer number,
 * the write is a no-op and returns false.
 */
export interface ClaimedJobs {
  /**
   * Writes the claims' numbers to the rows and counts takeovers, in one statement; then reads the rows. Omits rows with
   * a newer claim.
   */
  recordClaims(claims: readonly Claim[]): Promise<Job[]>
  /** Sets the count of takeovers. False when it is no longer `from`, or the claim is stale. */
  setTakeovers(claim: Claim, from: number, to: number): Promise<boolean>
  /** The row; null when the claim is stale. */
  read(claim: Claim): Promise<ReadJob | null>
  /** The inherited request that a retry continues instead of submitting a new one. */
  readKept(claim: Claim): Promise<KeptResult | null>
  /** The image that waits for its upload. */
  readImage(claim: Claim): Promise<Blob | null>
  /** Replaces the image's bytes with the URL of the upload. */
  saveImageUrl(claim: Claim, imageUrl: string): Promise<boolean>
  /**
   * Marks that a submit is about to be sent. Also false when the job was canceled or a submit was sent before.
   * @param mark - the `readAt` of the row: other machines compute the age of the submit from it
   */
  markSubmitting(claim: Claim, mark: Date): Promise<boolean>
  /**
   * Removes the mark after a response that proves that fal did not accept the request. The mark itself fences this
   * write and saveRequest: only the submit that set it knows its outcome, even if another worker has claimed the job
   * since.
   */
  unmarkSubmitting(jobId: string, mark: Date): Promise<boolean>
  /** `taken`: another job already has this request. */
  saveRequest(jobId: string, mark: Date, requestId: string): Promise<'saved' | 'duplicate' | false>
  /** The jobs among these whose cancellation was requested. */
  findCanceling(jobIds: readonly string[]): Promise<string[]>
  /** Ends the job and its task in one transaction. Returns false and writes nothing when the claim is stale. */
  end(claim: Claim, ending: Ending): Promise<boolean>
  /** Ends the task of a job that has ended. */
  endTask(claim: Claim): Promise<boolean>
}

export interface ClaimedJobsDeps {
  db: Database
  queue: Queue
  log: UpdateLog
  notifier: Notifier
}

export function createClaimedJobs({ db, queue, log, notifier }: ClaimedJobsDeps): ClaimedJobs {
  const ofClaim = ({ jobId, number }: Claim) => ({ id: jobId, claim: number })

  async function update(where: Prisma.JobWhereInput, data: Prisma.JobUpdateManyMutationInput): Promise<boolean> {
    const { count } = await db.job.updateMany({ where, data })
    return count === 1
  }

  return {
    recordClaims: async (claims) => {
      const numbers = JSON.stringify(claims)
      const recorded = await db.$queryRaw<{ id: string }[]>`
        WITH c AS (
          SELECT * FROM jsonb_to_recordset(${numbers}::jsonb) AS c("jobId" uuid, number int, "isTakeover" bool)
        ), locked AS (
          -- The update log locks rows in the same order: otherwise the two could deadlock.
          SELECT id FROM "Job" WHERE id IN (SELECT "jobId" FROM c) ORDER BY id FOR UPDATE
        )
        UPDATE "Job" j SET claim = c.number, takeovers = CASE
            WHEN c."isTakeover" AND takeovers < ${SUSPECT_TAKEOVERS} AND ("submittingAt" IS NULL OR "requestId" IS NOT NULL)
            THEN takeovers + 1 ELSE takeovers END
        FROM c JOIN locked ON locked.id = c."jobId"
        WHERE j.id = c."jobId" AND j.claim < c.number RETURNING j.id`
      return await db.job.findMany({ where: { id: { in: recorded.map((row) => row.id) } } })
    },
    setTakeovers: (claim, from, to) => update({ ...ofClaim(claim), takeovers: from }, { takeovers: to }),
    read: async ({ jobId, number }) => {
      const [row] = await db.$queryRaw<ReadJob[]>`
        SELECT *, clock_timestamp()::timestamptz(3) AS "readAt" FROM "Job" WHERE id = ${jobId}::uuid AND claim = ${number}`
      return row ?? null
    },
    readKept: (claim) => readKeptResult(db, claim.jobId),
    readImage: (claim) => readImage(db, claim.jobId),
    saveImageUrl: (claim, imageUrl) =>
      transact(db, async (tx) => {
        const { count } = await tx.job.updateMany({ where: ofClaim(claim), data: { imageUrl } })
        if (count === 1) await tx.jobImage.deleteMany({ where: { jobId: claim.jobId } })
        return count === 1
      }),
    markSubmitting: (claim, mark) =>
      update({ ...ofClaim(claim), status: 'PENDING', submittingAt: null }, { submittingAt: mark }),
    unmarkSubmitting: (jobId, mark) =>
      update({ id: jobId, submittingAt: mark, requestId: null }, { submittingAt: null }),
    saveRequest: async (jobId, mark, requestId) => {
      try {
        // Idempotent: repeating a write whose response was lost is a no-op.
        const where = { id: jobId, submittingAt: mark, OR: [{ requestId: null }, { requestId }] }
        return (await update(where, { requestId })) && 'saved'
      } catch (error) {
        if (isRequestTaken(error)) return 'duplicate'
        throw error
      }
    },
    findCanceling: async (jobIds) => {
      const rows = await db.job.findMany({
        where: { id: { in: [...jobIds] }, status: { in: ['CANCELING', 'CANCELED'] } },
        select: { id: true },
      })
      return rows.map((row) => row.id)
    },
    end: async (claim, ending) => {
      try {
        const ended = await transact(db, async (tx) => {
          const appended = await log.appendIn(tx, {
            jobId: claim.jobId,
            claim: claim.number,
            status: ending.status,
            logs: ending.logs ?? [],
          })
          if (appended.outcome === 'fenced') throw new StaleClaim()
          // A job that has already ended keeps its first end; only its task still has to end.
          if (appended.outcome === 'stored' && ending.status === 'FAILED') {
            // fal's webhook may deliver the id at the same moment: then the next worker to claim the task follows it.
            const withoutRequest = ending.failure.code === 'SUBMIT_UNKNOWN' ? { requestId: null } : {}
            const { count } = await tx.job.updateMany({
              where: { id: claim.jobId, ...withoutRequest },
              data: { failure: { ...ending.failure } as object },
            })
            if (count === 0) throw new StaleClaim()
          }
          if (appended.outcome === 'stored' && ending.status === 'SUCCEEDED')
            await tx.video.create({ data: { jobId: claim.jobId, ...toColumns(ending.video) } })
          if (appended.outcome === 'stored' && ending.kept) await keepResult(tx, claim.jobId, ending.kept.text)
          if (appended.outcome === 'stored' && ending.kept === null)
            await tx.keptResult.deleteMany({ where: { jobId: claim.jobId } })
          if (!(await queue.complete(tx, claim))) throw new StaleClaim()
          return appended
        })
        if (ended.outcome === 'stored') notifier.emit('updateStored', ended.update, ended.previous)
        return true
      } catch (error) {
        if (error instanceof StaleClaim) return false
        throw error
      }
    },
    endTask: (claim) => transact(db, (tx) => queue.complete(tx, claim)),
  }
}

/** Rolls back the transaction of a writer whose claim is stale. */
class StaleClaim extends Error {}

function toColumns({ fileSize, seed, ...video }: VideoResult) {
  return { ...video, fileSize: fileSize === null ? null : BigInt(fileSize), seed: seed === null ? null : BigInt(seed) }
}
