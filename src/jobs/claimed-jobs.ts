import { type Transaction, transact } from '../adapters/postgres/client.ts'
import type { Claim } from '../adapters/queue.ts'
import type { Job, Prisma } from '../generated/prisma/client.ts'
import type { Ending } from './ending.ts'
import { isRequestTaken } from './fal-webhook.ts'
import { readImage } from './image-store.ts'
import type { JobsDeps } from './jobs.ts'
import { keepResult } from './kept-result.ts'
import type { VideoResult } from './models.ts'
import { SUSPECT_TAKEOVERS } from './takeovers.ts'

/** A job's row as of `readAt`, by the database's clock: the clocks of the workers' machines differ. */
export type ReadJob = Job & { readAt: Date }

export type ClaimedJobs = ReturnType<typeof createClaimedJobs>

/**
 * The reads and writes of a job's worker. Every write compares the claim with the row: when the row has a newer number,
 * the write is a no-op and returns false.
 */
export function createClaimedJobs({ db, queue, log, notifier }: JobsDeps) {
  const ofClaim = ({ jobId, number }: Claim) => ({ id: jobId, claim: number })

  async function update(where: Prisma.JobWhereInput, data: Prisma.JobUpdateManyMutationInput): Promise<boolean> {
    const { count } = await db.job.updateMany({ where, data })
    return count === 1
  }

  return {
    /**
     * Writes the claims' numbers to the rows and counts takeovers, in one statement; then reads the rows. Omits rows with
     * a newer claim.
     */
    recordClaims: async (claims: readonly Claim[]): Promise<Job[]> => {
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
    /** Sets the count of takeovers. False when it is no longer `from`, or the claim is stale. */
    setTakeovers: (claim: Claim, from: number, to: number) =>
      update({ ...ofClaim(claim), takeovers: from }, { takeovers: to }),
    /** The row; null when the claim is stale. */
    read: async ({ jobId, number }: Claim): Promise<ReadJob | null> => {
      const [row] = await db.$queryRaw<ReadJob[]>`
        SELECT *, clock_timestamp()::timestamptz(3) AS "readAt" FROM "Job" WHERE id = ${jobId}::uuid AND claim = ${number}`
      return row ?? null
    },
    /** The inherited request that a retry continues instead of submitting a new one. */
    readKept: ({ jobId }: Claim) => db.keptResult.findUnique({ where: { jobId } }),
    /** The image that waits for its upload. */
    readImage: ({ jobId }: Claim) => readImage(db, jobId),
    /** Replaces the image's bytes with the URL of the upload. */
    saveImageUrl: (claim: Claim, imageUrl: string) =>
      transact(db, async (tx) => {
        const { count } = await tx.job.updateMany({ where: ofClaim(claim), data: { imageUrl } })
        if (count === 1) await tx.jobImage.deleteMany({ where: { jobId: claim.jobId } })
        return count === 1
      }),
    /**
     * Marks that a submit is about to be sent. Also false when the job was canceled or a submit was sent before.
     * @param mark - the `readAt` of the row: other machines compute the age of the submit from it
     */
    markSubmitting: (claim: Claim, mark: Date) =>
      update({ ...ofClaim(claim), status: 'PENDING', submittingAt: null }, { submittingAt: mark }),
    /**
     * Removes the mark after a response that proves that fal did not accept the request. The mark itself fences this
     * write and saveRequest: only the submit that set it knows its outcome, even if another worker has claimed the job
     * since.
     */
    unmarkSubmitting: (jobId: string, mark: Date) =>
      update({ id: jobId, submittingAt: mark, requestId: null }, { submittingAt: null }),
    /** `duplicate`: another job already has this request. */
    saveRequest: async (jobId: string, mark: Date, requestId: string): Promise<'saved' | 'duplicate' | false> => {
      try {
        // Idempotent: repeating a write whose response was lost is a no-op.
        const where = { id: jobId, submittingAt: mark, OR: [{ requestId: null }, { requestId }] }
        return (await update(where, { requestId })) && 'saved'
      } catch (error) {
        if (isRequestTaken(error)) return 'duplicate'
        throw error
      }
    },
    /** The jobs among these whose cancellation was requested. */
    findCanceling: async (jobIds: readonly string[]): Promise<string[]> => {
      const rows = await db.job.findMany({
        where: { id: { in: [...jobIds] }, status: { in: ['CANCELING', 'CANCELED'] } },
        select: { id: true },
      })
      return rows.map((row) => row.id)
    },
    /** Ends the job and its task in one transaction. Returns false and writes nothing when the claim is stale. */
    end: async (claim: Claim, ending: Ending): Promise<boolean> => {
      try {
        const ended = await transact(db, async (tx) => {
          const change = { jobId: claim.jobId, claim: claim.number, status: ending.status }
          const appended = await log.appendIn(tx, change)
          if (appended.outcome === 'fenced') throw new StaleClaim()
          // A job that has already ended keeps its first end; only its task still has to end.
          if (appended.outcome === 'stored') await saveEnding(tx, claim.jobId, ending)
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
    /** Ends the task of a job that has ended. */
    endTask: (claim: Claim) => transact(db, (tx) => queue.complete(tx, claim)),
  }
}

/** Rolls back the transaction of a writer whose claim is stale. */
class StaleClaim extends Error {}

async function saveEnding(tx: Transaction, jobId: string, ending: Ending): Promise<void> {
  if (ending.status === 'FAILED') {
    // fal's webhook may deliver the id at the same moment: then the next worker to claim the task follows it.
    const withoutRequest = ending.failure.code === 'SUBMIT_UNKNOWN' ? { requestId: null } : {}
    const data = { failure: { ...ending.failure } as object }
    const { count } = await tx.job.updateMany({ where: { id: jobId, ...withoutRequest }, data })
    if (count === 0) throw new StaleClaim()
  }
  if (ending.status === 'SUCCEEDED') await tx.video.create({ data: { jobId, ...toColumns(ending.video) } })
  if (ending.kept) await keepResult(tx, jobId, ending.kept.text)
  if (ending.kept === null) await tx.keptResult.deleteMany({ where: { jobId } })
}

function toColumns({ fileSize, seed, ...video }: VideoResult) {
  return { ...video, fileSize: fileSize === null ? null : BigInt(fileSize), seed: seed === null ? null : BigInt(seed) }
}
