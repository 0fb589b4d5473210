import pg from 'pg'
import type { JobStatus } from '../../src/generated/prisma/enums.ts'
import { canMove, isTerminal } from '../../src/updates/job-status.ts'
import type { Acknowledged, Transcript } from './client.ts'

/** A job's row after a run. */
export interface StoredJob {
  imageUrl: string
  status: JobStatus
  lastSequence: number
  hasVideo: boolean
  updates: { sequence: number; status: JobStatus }[]
}

/** The record of a run: what clients received, what fal received, and what was stored. */
export interface History {
  acknowledged: readonly Acknowledged[]
  /** POSTs by image. */
  posts: ReadonlyMap<string, number>
  stored: readonly StoredJob[]
  transcripts: readonly Transcript[]
}

/** Checks the invariants of a run; each returned sentence is a violation. */
export function findViolations({ acknowledged, posts, stored, transcripts }: History): string[] {
  return [
    ...[...posts].filter(([, count]) => count > 1).map(([url, count]) => `${url} was submitted ${count} times`),
    ...acknowledged.flatMap(({ imageUrl }) => {
      const count = stored.filter((job) => job.imageUrl === imageUrl).length
      return count === 1 ? [] : [`the acknowledged job of ${imageUrl} is stored ${count} times`]
    }),
    ...stored.flatMap(checkStored),
    ...transcripts.flatMap(checkTranscript),
  ]
}

function checkStored({ imageUrl, status, lastSequence, hasVideo, updates }: StoredJob): string[] {
  const found: string[] = []
  if (!isTerminal(status)) found.push(`the job of ${imageUrl} did not end, it is ${status}`)
  if ((status === 'SUCCEEDED') !== hasVideo) found.push(`the job of ${imageUrl} is ${status}, video: ${hasVideo}`)
  if (!updates.every(({ sequence }, n) => sequence === n + 1) || updates.length !== lastSequence)
    found.push(
      `the log of ${imageUrl} has gaps: ${updates.map(({ sequence }) => sequence).join(' ')} of ${lastSequence}`,
    )
  for (const [n, update] of updates.entries()) {
    const before = updates[n - 1]
    if (before && before.status !== update.status && !canMove(before.status, update.status))
      found.push(`the job of ${imageUrl} went from ${before.status} to ${update.status}`)
  }
  if (updates.filter((update) => isTerminal(update.status)).length > 1) found.push(`the job of ${imageUrl} ended twice`)
  if (updates.at(-1)?.status !== status) found.push(`the log of ${imageUrl} does not end with ${status}`)
  return found
}

function checkTranscript({ jobId, updates }: Transcript): string[] {
  const found: string[] = []
  for (const [n, { sequence, missed }] of updates.entries()) {
    const before = updates[n - 1]
    if (before && sequence <= before.sequence) found.push(`a subscriber of ${jobId} received ${sequence} again`)
    if (before && sequence > before.sequence + 1 + missed)
      found.push(`a subscriber of ${jobId} missed ${before.sequence + 1} to ${sequence - 1}`)
    if (missed > 0) found.push(`a subscriber of ${jobId} received a gap of ${missed} updates`)
  }
  if (!isTerminal((updates.at(-1)?.status ?? 'PENDING') as JobStatus)) found.push(`a subscriber of ${jobId} saw no end`)
  return found
}

/** Reads all jobs from the database. */
export async function readStored(databaseUrl: string): Promise<StoredJob[]> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<StoredJob>(`
      SELECT j."imageUrl", j.status, j."lastSequence", EXISTS (SELECT 1 FROM "Video" v WHERE v."jobId" = j.id) AS "hasVideo",
        (SELECT json_agg(json_build_object('sequence', u.sequence, 'status', u.status) ORDER BY u.sequence)
          FROM "JobUpdate" u WHERE u."jobId" = j.id) AS updates
      FROM "Job" j`)
    return rows
  } finally {
    await client.end()
  }
}
