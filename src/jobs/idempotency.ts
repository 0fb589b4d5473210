import { createHash, type Hash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { Database, Transaction } from '../adapters/postgres/client.ts'
import { type Job, Prisma } from '../generated/prisma/client.ts'

/** Longest idempotency key, in characters. */
export const MAX_KEY_LENGTH = 255

/** How long a key is valid. Measured by the database's clock, since the clocks of two instances differ. */
const LIFETIME = Prisma.sql`interval '24 hours'`

/** An idempotency key of an owner, valid for 24 hours after its first use. */
export interface IdempotencyKey {
  ownerId: string
  key: string
  /** Digest of the input: equal inputs have equal digests. */
  fingerprint: string
}

/** The job that was created with the key, and whether its input was the same; null for a free key. */
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
 * Assigns the key to the job. False when another job has it: then the transaction must be rolled back. A second caller
 * with the same key waits here until the transaction of the first has ended.
 */
export async function claimKey(
  tx: Transaction,
  { ownerId, key, fingerprint }: IdempotencyKey,
  jobId: string,
): Promise<boolean> {
  const claimed = await tx.$executeRaw`
    INSERT INTO "IdempotencyKey" AS k ("ownerId", key, fingerprint, "jobId") VALUES (${ownerId}, ${key}, ${fingerprint}, ${jobId}::uuid)
    ON CONFLICT ("ownerId", key) DO UPDATE SET fingerprint = excluded.fingerprint, "jobId" = excluded."jobId", "createdAt" = now()
    WHERE k."createdAt" <= now() - ${LIFETIME}`
  return claimed === 1
}

/** Deletes up to `limit` expired keys and returns their number. */
export async function removeOldKeys(db: Database, limit: number): Promise<number> {
  // Skips a key that another transaction claims again at this moment.
  return await db.$executeRaw`
    DELETE FROM "IdempotencyKey" WHERE ("ownerId", key) IN (
      SELECT "ownerId", key FROM "IdempotencyKey" WHERE "createdAt" <= now() - ${LIFETIME}
      ORDER BY "createdAt" LIMIT ${limit} FOR UPDATE SKIP LOCKED
    )`
}

/** Digest of the JSON of a list of values. A text above 1 MiB must be ASCII, since it is hashed in pieces. */
export async function toFingerprint(values: readonly (string | number | null | undefined)[]): Promise<string> {
  const hash = createHash('sha256').update('[')
  for (const [index, value] of values.entries()) {
    if (index > 0) hash.update(',')
    if (typeof value === 'string') await hashText(hash, value)
    else hash.update(JSON.stringify(value ?? null))
  }
  return hash.update(']').digest('hex')
}

/** Characters to hash per turn of the event loop: a data URI of 14 MB would block it for 55 ms. */
const PIECE_LENGTH = 1024 * 1024

async function hashText(hash: Hash, text: string): Promise<void> {
  hash.update('"')
  for (let start = 0; start < text.length; start += PIECE_LENGTH) {
    if (start > 0) await setImmediate()
    hash.update(JSON.stringify(text.slice(start, start + PIECE_LENGTH)).slice(1, -1))
  }
  hash.update('"')
}
