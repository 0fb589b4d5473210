import { randomUUID } from 'node:crypto'
import { type Database, openDatabase } from '../../src/adapters/postgres/client.ts'
import { openQueue, type Queue } from '../../src/adapters/queue.ts'
import type { JobStatus } from '../../src/generated/prisma/client.ts'
import { runMaintenance } from '../../src/jobs/maintenance.ts'
import type { Rig } from '../api/rig.ts'

/** A connection of the test's own to a server's database, and maintenance in it. */
export interface Store {
  db: Database
  queue: Queue
  runMaintenance(signal?: AbortSignal): ReturnType<typeof runMaintenance>
  close(): Promise<void>
}

export const throwAll = (error: unknown) => {
  throw error
}

/** Updates are kept for 30 days, and a batch has seven rows. */
export async function openStore({ databaseUrl }: Rig): Promise<Store> {
  const db = openDatabase({ url: databaseUrl, onError: throwAll })
  const queue = await openQueue({ url: databaseUrl, onError: throwAll })
  return {
    db,
    queue,
    runMaintenance: (signal = new AbortController().signal) =>
      runMaintenance({ db, queue, onError: throwAll }, { retentionDays: 30, batchSize: 7, signal }),
    close: async () => {
      await queue.stop()
      await db.$disconnect()
    },
  }
}

export const uuidOf = (nodeId: string) => Buffer.from(nodeId, 'base64url').toString().split(':')[1] ?? ''
export const daysAgo = (days: number) => new Date(Date.now() - days * 24 * 3600_000)

export interface SomeJobs {
  status: JobStatus
  createdAt?: Date
  finishedAt?: Date | null
  updates?: number
  claim?: number
}

/** Rows as a job leaves them, without the job. */
export async function insertJobs(
  { db }: Store,
  count: number,
  { status, createdAt = daysAgo(40), finishedAt = null, updates = 4, claim = 0 }: SomeJobs,
) {
  const jobIds = Array.from({ length: count }, () => randomUUID())
  await db.job.createMany({
    data: jobIds.map((id) => ({
      id,
      ownerId: 'somebody',
      status,
      model: 'fal-ai/stable-video',
      imageUrl: 'https://example.com/a.png',
      motionBucketId: 1,
      condAug: 1,
      fps: 10,
      createdAt,
      finishedAt,
      claim,
      lastSequence: updates,
    })),
  })
  await db.jobUpdate.createMany({
    data: jobIds.flatMap((jobId) =>
      Array.from({ length: updates }, (_, index) => ({ jobId, sequence: index + 1, status })),
    ),
  })
  return jobIds
}
