import DataLoader from 'dataloader'
import { type Database, type Transaction, transact } from '../adapters/postgres/client.ts'
import type { Queue } from '../adapters/queue.ts'
import { currentTraceParent, withSpan } from '../adapters/telemetry/trace.ts'
import { IdempotencyConflictError, JobNotFoundError, JobStateError } from '../errors.ts'
import type { Job, Prisma, Video } from '../generated/prisma/client.ts'
import { isCancelable, isTerminal } from '../updates/job-status.ts'
import type { Notifier } from '../updates/notifier.ts'
import { retryWhileUnavailable } from '../updates/retry.ts'
import type { UpdateLog } from '../updates/update-log.ts'
import { claimKey, findByKey, type IdempotencyKey, toFingerprint } from './idempotency.ts'
import type { CheckedImage } from './image.ts'
import { readImagePiece, saveImage } from './image-store.ts'
import { countJobs } from './job-counts.ts'
import { type CreatedRange, type JobFilter, type JobRange, readJobs, readJobsById } from './job-page.ts'
import { inheritResult } from './kept-result.ts'
import { DEFAULT_MODEL, type JobSettings, toSettings, type VideoInput } from './models.ts'
import { checkVideoInput } from './settings.ts'

/** The caller. Every job has an owner, and only the owner sees it. */
export interface Viewer {
  ownerId: string
}

/** An accepted job; `replayed` when it is the earlier job of the idempotency key. */
export interface Submitted {
  job: Job
  replayed: boolean
}

export type Jobs = ReturnType<typeof createJobs>

/** How long an update waits for an unavailable database, in milliseconds. */
const UPDATE_MAX_WAIT_MS = 60_000

export interface JobsDeps {
  db: Database
  queue: Queue
  log: UpdateLog
  notifier: Notifier
}

/**
 * The operations of callers on jobs. Job rows are also written by claimed-jobs.ts, and their state and sequence by the
 * update log.
 */
export function createJobs({ db, queue, log, notifier }: JobsDeps) {
  /** Calls of one turn of the event loop share a query, as those of all subscribers after a restart. */
  function createLoader<Row>(read: (ids: readonly string[]) => Promise<ReadonlyMap<string, Row>>, maxWaitMs: number) {
    return new DataLoader<string, Row | null>(
      async (ids) => {
        const rows = await retryWhileUnavailable(() => read(ids), { maxWaitMs })
        return ids.map((id) => rows.get(id) ?? null)
      },
      // Not cached: an update shows the job as it is now.
      { cache: false, batchScheduleFn: (flush) => setImmediate(flush) },
    )
  }

  async function readVideos(jobIds: readonly string[]): Promise<ReadonlyMap<string, Video>> {
    const rows = await db.video.findMany({ where: { jobId: { in: [...new Set(jobIds)] } } })
    return new Map(rows.map((row) => [row.jobId, row]))
  }

  const rows = createLoader((ids) => readJobsById(db, ids), 0)
  const rowsOfUpdates = createLoader((ids) => readJobsById(db, ids), UPDATE_MAX_WAIT_MS)
  const videos = createLoader(readVideos, 0)
  const videosOfUpdates = createLoader(readVideos, UPDATE_MAX_WAIT_MS)

  async function find(viewer: Viewer, id: string): Promise<Job | null> {
    const job = await rows.load(id)
    return job?.ownerId === viewer.ownerId ? job : null
  }

  async function get(viewer: Viewer, id: string): Promise<Job> {
    const job = await find(viewer, id)
    if (!job) throw new JobNotFoundError()
    return job
  }

  /** Creates a job from checked settings, or returns the job of the idempotency key. */
  function create(viewer: Viewer, request: CreateRequest): Promise<Submitted> {
    return withSpan('create job', {}, async (span) => {
      const submitted = await save(viewer, request)
      span.set({ 'reelay.job_id': submitted.job.id })
      return submitted
    })
  }

  async function save({ ownerId }: Viewer, request: CreateRequest): Promise<Submitted> {
    const { settings, image, key, retryOf } = request
    const earlier = key && (await findByKey(db, key))
    if (earlier) return replay(earlier)
    try {
      const { job, first } = await transact(db, async (tx) => {
        const { updates, ...job } = await tx.job.create({
          data: {
            ...settings,
            ownerId,
            model: DEFAULT_MODEL.endpoint,
            retryOfId: retryOf?.id ?? null,
            traceParent: currentTraceParent(),
            updates: { create: { sequence: 1, status: 'PENDING' } },
          },
          include: { updates: true },
        })
        if (image) await saveImage(tx, job.id, image)
        if (retryOf && job.imageUrl === null) await copyImage(tx, retryOf, job)
        if (retryOf) await inheritResult(tx, retryOf, job)
        if (key && !(await claimKey(tx, key, job.id))) throw new KeyTaken()
        await queue.enqueue(tx, job.id)
        return { job, first: updates[0] }
      })
      if (first)
        notifier.emit('updateStored', { ...first, ownerId: job.ownerId, logs: [], final: false, missed: 0 }, null)
      notifier.emit('taskAdded')
      return { job, replayed: false }
    } catch (error) {
      if (!(error instanceof KeyTaken && key)) throw error
      const winner = await findByKey(db, key)
      // Null when the key expired between the insert and this read: it is free now.
      return winner ? replay(winner) : await save({ ownerId }, request)
    }
  }

  return {
    /**
     * Saves a job, its first update and its task in one transaction, without waiting for fal.
     * @throws InvalidInputError with every issue; IdempotencyConflictError
     */
    submit: async (
      viewer: Viewer,
      input: VideoInput & { idempotencyKey?: string | null | undefined },
    ): Promise<Submitted> => {
      const { settings, image } = await checkVideoInput(DEFAULT_MODEL, input)
      // Over the whole data URI, and in this order: stored keys hold the digest.
      const key = await toKey(viewer, input.idempotencyKey, Object.values(settings))
      const imageUrl = image ? null : settings.imageUrl
      return await create(viewer, { settings: { ...settings, imageUrl }, image, key, retryOf: null })
    },

    /**
     * Cancels a job at once if fal has not received it; otherwise requests its cancellation. Idempotent while CANCELING.
     * @throws JobNotFoundError, JobStateError
     */
    cancel: async (viewer: Viewer, id: string): Promise<Job> => {
      const job = await get(viewer, id)
      if (job.status === 'CANCELING') return job
      if (!isCancelable(job.status)) throw new JobStateError(job, 'cancel')
      const appended = await transact(db, async (tx) => {
        // The lock comes first: a concurrent submit has either marked the row already, or will see that it is canceled.
        const [row] = await tx.$queryRaw<{ sent: boolean }[]>`
          SELECT "submittingAt" IS NOT NULL AS sent FROM "Job" WHERE id = ${id}::uuid FOR UPDATE`
        return await log.appendIn(tx, { jobId: id, claim: null, status: row?.sent ? 'CANCELING' : 'CANCELED' })
      })
      if (appended.outcome === 'stored') notifier.emit('updateStored', appended.update, appended.previous)
      const after = await get(viewer, id)
      if (appended.outcome !== 'stored' && isTerminal(after.status)) throw new JobStateError(after, 'cancel')
      notifier.emit('jobChanged', id)
      return after
    },

    /**
     * Creates a job with the settings of an ended one. If that job ended without the result of its request, the new job
     * continues the request: nothing is paid twice.
     * @throws JobNotFoundError, JobStateError, IdempotencyConflictError
     */
    retry: async (viewer: Viewer, id: string, idempotencyKey?: string | null): Promise<Submitted> => {
      const job = await get(viewer, id)
      if (!isTerminal(job.status)) throw new JobStateError(job, 'retry')
      const key = await toKey(viewer, idempotencyKey, ['retry', id])
      return await create(viewer, { settings: toSettings(DEFAULT_MODEL, job), image: null, key, retryOf: job })
    },

    find,
    /** Newest first. */
    list: ({ ownerId }: Viewer, filter: JobFilter, range: JobRange) => readJobs(db, { ownerId, filter, range }),
    /** Counts the jobs in each state; a state without jobs may be missing. */
    count: ({ ownerId }: Viewer, range: CreatedRange) => countJobs(db, ownerId, range),
    /**
     * Reads the job of an update. Waits up to 60 s for an unavailable database: otherwise the subscriber would lose the
     * update.
     */
    load: async (id: string): Promise<Job> => {
      const job = await rowsOfUpdates.load(id)
      if (!job) throw new JobNotFoundError()
      return job
    },
    /** Null until the job has SUCCEEDED. For an update it waits for the database as `load` does. */
    loadVideo: async ({ id, status }: Job, { ofUpdate }: { ofUpdate: boolean }): Promise<Video | null> => {
      if (status !== 'SUCCEEDED') return null
      return await (ofUpdate ? videosOfUpdates : videos).load(id)
    },
    /** In the order of the ids; null for each that does not exist. */
    findVideos: async ({ ownerId }: Viewer, ids: readonly string[]): Promise<(Video | null)[]> => {
      const rows = await db.video.findMany({ where: { id: { in: [...ids] }, job: { ownerId } } })
      const byId = new Map(rows.map((row) => [row.id, row]))
      return ids.map((id) => byId.get(id) ?? null)
    },
    /** The image that waits for its upload; null when there is none, or the job has ended. */
    findImage: async (id: string) => {
      // The length is known without reading the bytes. The image of an ended job is kept for a retry, not to be shown.
      const [image] = await db.$queryRaw<{ contentType: string; sizeBytes: number }[]>`
        SELECT i."contentType", octet_length(i.bytes) AS "sizeBytes" FROM "JobImage" i JOIN "Job" j ON j.id = i."jobId"
        WHERE j.id = ${id}::uuid AND j."imageUrl" IS NULL AND j."finishedAt" IS NULL`
      if (!image) return null
      return {
        ...image,
        /** Reads a piece of the bytes, which never change; null when the image is no longer stored. */
        read: (start: number, length: number) => readImagePiece(db, id, { start, length }),
      }
    },
  }
}

/** A job to be saved. */
interface CreateRequest {
  settings: Pick<Prisma.JobUncheckedCreateInput, keyof JobSettings>
  image: CheckedImage | null
  key: IdempotencyKey | null
  retryOf: Job | null
}

async function toKey(
  { ownerId }: Viewer,
  key: string | null | undefined,
  values: Parameters<typeof toFingerprint>[0],
): Promise<IdempotencyKey | null> {
  return key == null ? null : { ownerId, key, fingerprint: await toFingerprint(values) }
}

/**
 * Copies inside the database: images have up to 10 MiB, and a few concurrent retries would exceed the process's memory.
 * @throws JobStateError when the image is no longer stored
 */
async function copyImage(tx: Transaction, from: Job, to: Pick<Job, 'id'>): Promise<void> {
  const copied = await tx.$executeRaw`
    INSERT INTO "JobImage" ("jobId", "contentType", bytes)
    SELECT ${to.id}::uuid, "contentType", bytes FROM "JobImage" WHERE "jobId" = ${from.id}::uuid`
  if (copied === 0) throw new JobStateError(from, 'image is pruned')
}

/** Thrown when a concurrent call with the same key was first. */
class KeyTaken extends Error {}

function replay({ job, sameInput }: { job: Job; sameInput: boolean }): Submitted {
  if (!sameInput) throw new IdempotencyConflictError(job)
  return { job, replayed: true }
}
