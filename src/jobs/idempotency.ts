import { createHash, type Hash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { Database, Transaction } from '../adapters/postgres/client.ts'
import { type Job, Prisma } from '../generated/prisma/client.ts'

/** Longest idempotency key, in characters. */
export const MAX_KEY_LENGTH = 255

/** How long a key stands for its job. By the database's clock everywhere: those of two instances would disagree. */
const LIFETIME = Prisma.sql`interval '24 hours'`

/** What a key stands for, within an owner, for 24 hours after its first use. */
export interface IdempotencyKey {
  ownerId: string
  key: string
  /** Digest of what was asked for: equal inputs have equal ones. */
  fingerprint: string
}

/** The job that the key made, and whether it was asked for with the same input; null for a free key. */
export async function findByKey(
  db: Database,
  { ownerId, key, fingerprint }: IdempotencyKey,
): Promise<{ job: Job; sameInput: boolean } | null> {
  const [found] = await db.$queryRaw<{ jobId: string; fingerprint: string }[]>`
    SELECT "jobId", fingerprint FROM "IdempotencyKey"
    WHERE "ownerId" = ${ownerId} AND key = ${key} AND "createdAt" > now() - ${LIFETIME}`
  const job = found && (await db.job.findUnique({ where: { id: found.jobId } }))
  return job ? { job, sameInput: found.fingerprint === fingerprint } : null
}

/**
 * Makes the key stand for the job. False when another job has it: then the transaction has to be undone.
 * A second caller with the same key waits here until the first one's transaction has ended.
 */
export async function takeKey(
  tx: Transaction,
  { ownerId, key, fingerprint }: IdempotencyKey,
  jobId: string,
): Promise<boolean> {
  const taken = await tx.$executeRaw`
    INSERT INTO "IdempotencyKey" AS k ("ownerId", key, fingerprint, "jobId") VALUES (${ownerId}, ${key}, ${fingerprint}, ${jobId}::uuid)
    ON CONFLICT ("ownerId", key) DO UPDATE SET fingerprint = excluded.fingerprint, "jobId" = excluded."jobId", "createdAt" = now()
    WHERE k."createdAt" <= now() - ${LIFETIME}`
  return taken === 1
}

/** Removes keys whose time is over, `limit` at most. Answers how many. */
export async function removeOldKeys(db: Database, limit: number): Promise<number> {
  // A key that is being taken anew at this moment is passed over.
  return await db.$executeRaw`
    DELETE FROM "IdempotencyKey" WHERE ("ownerId", key) IN (
      SELECT "ownerId", key FROM "IdempotencyKey" WHERE "createdAt" <= now() - ${LIFETIME}
      ORDER BY "createdAt" LIMIT ${limit} FOR UPDATE SKIP LOCKED
    )`
}

/** Digest of the JSON of a list of values. A text of more than a megabyte must be ASCII: it is cut between two characters. */
export async function toFingerprint(values: readonly (string | number | null | undefined)[]): Promise<string> {
  const hash = createHash('sha256').update('[')
  for (const [index, value] of values.entries()) {
    if (index > 0) hash.update(',')
    if (typeof value === 'string') await hashText(hash, value)
    else hash.update(JSON.stringify(value ?? null))
  }
  return hash.update(']').digest('hex')
}

/** Characters that are hashed in one turn of the event loop. A data URI of 14 MB would hold it for 55 ms. */
const PIECE_LENGTH = 1024 * 1024

async function hashText(hash: Hash, text: string): Promise<void> {
  hash.update('"')
  for (let start = 0; start < text.length; start += PIECE_LENGTH) {
    if (start > 0) await setImmediate()
    hash.update(JSON.stringify(text.slice(start, start + PIECE_LENGTH)).slice(1, -1))
  }
  hash.update('"')
}
