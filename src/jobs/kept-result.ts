/** A kept result is a request that may be paid for, stored because its job ended without the result. */

import type { Transaction } from '../adapters/postgres/client.ts'
import type { Job } from '../generated/prisma/client.ts'
import { toStorableText } from '../text.ts'

/** Longest stored text, in characters. A longer result would not be parsed either. */
const MAX_TEXT = 192 * 1024

/** Stores the request of a job, or the one that it inherited. An earlier text stays unless a new one replaces it. */
export async function keepResult(tx: Transaction, jobId: string, text: string | null): Promise<void> {
  const storable = text === null ? null : toStorableText(text.slice(0, MAX_TEXT))
  await tx.$executeRaw`
    INSERT INTO "KeptResult" AS k ("jobId", "requestId", text)
    SELECT j.id, coalesce(j."requestId", held."requestId"), ${storable}
    FROM "Job" j LEFT JOIN "KeptResult" held ON held."jobId" = j.id
    WHERE j.id = ${jobId}::uuid AND coalesce(j."requestId", held."requestId") IS NOT NULL
    ON CONFLICT ("jobId") DO UPDATE SET text = coalesce(excluded.text, k.text), at = excluded.at`
}

/** Lets a retry continue the request of the earlier job: the retry counts as submitted, and submits nothing itself. */
export async function inheritResult(tx: Transaction, from: Job, to: Pick<Job, 'id'>): Promise<void> {
  await tx.$executeRaw`
    WITH held AS (
      INSERT INTO "KeptResult" ("jobId", "requestId", text)
      SELECT ${to.id}::uuid, "requestId", text FROM "KeptResult" WHERE "jobId" = ${from.id}::uuid RETURNING "jobId"
    )
    UPDATE "Job" j SET "submittingAt" = clock_timestamp() FROM held WHERE j.id = held."jobId"`
}
