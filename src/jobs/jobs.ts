import DataLoader from 'dataloader'
import { type Database, type Transaction, transact } from '../adapters/postgres/client.ts'
import type { Queue } from '../adapters/queue.ts'
import { currentTraceParent, withSpan } from '../adapters/telemetry/trace.ts'
import { IdempotencyConflictError, JobNotFoundError, JobStateError } from '../errors.ts'
import type { Job, Video } from '../generated/prisma/client.ts'
import type { JobStatus } from '../generated/prisma/enums.ts'
import { isCancelable, isTerminal } from '../updates/job-status.ts'
import type { Notifier } from '../updates/notifier.ts'
import { readPatiently } from '../updates/retry.ts'
import type { UpdateLog } from '../updates/update-log.ts'
import { findByKey, type IdempotencyKey, takeKey, toFingerprint } from './idempotency.ts'
import { readImagePiece, saveImage } from './image-store.ts'
import { countJobs } from './job-counts.ts'
import { type CreatedRange, type JobFilter, type JobRange, readJobs, readJobsById } from './job-page.ts'
import { inheritResult } from './kept-result.ts'
import { DEFAULT_MODEL, type VideoInput } from './models.ts'
import { type CheckedInput, checkVideoInput } from './settings.ts'

/** Who asks. Every job has an owner and is seen by its owner alone. */
export interface Viewer {
  ownerId: string
}

/** An accepted job; `replayed` when an idempotency key led to one that was there. */
export interface Submitted {
  job: Job
  replayed: boolean
}

/** What callers can do with jobs. Rows are written here, in relay-jobs.ts and, for state and number, by the log. */
export interface Jobs {
  /**
   * Saves a job, its first update and its task in one transaction. Nothing here waits for fal.
   * @throws InvalidInputError with every issue; IdempotencyConflictError
   */
  submit(viewer: Viewer, input: VideoInput & { idempotencyKey?: string | null | undefined }): Promise<Submitted>
  /**
   * Ends a job that fal never got; asks for the end of one that fal has. Again while CANCELING: the same job.
   * @throws JobNotFoundError, JobStateError
   */
  cancel(viewer: Viewer, id: string): Promise<Job>
  /**
   * A new job with the settings of an ended one. A request of that one whose result was not taken is gone on with: nothing
   * is paid twice.
   * @throws JobNotFoundError, JobStateError, IdempotencyConflictError
   */
  retry(viewer: Viewer, id: string, idempotencyKey?: string | null): Promise<Submitted>
  find(viewer: Viewer, id: string): Promise<Job | null>
  /** Newest first. */
  list(viewer: Viewer, filter: JobFilter, range: JobRange): Promise<Job[]>
  /** How many jobs there are in each state; a state without one may be missing. */
  count(viewer: Viewer, range: CreatedRange): Promise<ReadonlyMap<JobStatus, number>>
  /**
   * A job by the id that one of its updates gave; calls of the same moment are one query. While the database is away it
   * waits for a while: the update would be lost to its reader.
   */
  load(id: string): Promise<Job>
  /** What a job made; null until it has SUCCEEDED. A reader of updates waits for the database as `load` does. */
  loadVideo(job: Job, reader: { isPatient: boolean }): Promise<Video | null>
  /** In the order of the ids; null for each that is not there. */
  findVideos(viewer: Viewer, ids: readonly string[]): Promise<(Video | null)[]>
  /** The image of a job that waits for its upload; null when there is none, or the job has ended. */
  findImage(id: string): Promise<WaitingImage | null>
}

/** An image that is kept here until it is at fal. Its bytes never change. */
export interface WaitingImage {
  contentType: string
  sizeBytes: number
  /** Reads a piece; null when the image is no longer here. */
  read(start: number, length: number): Promise<Uint8Array<ArrayBuffer> | null>
}

/** How long a reader's update waits for the database, in milliseconds. */
const LOAD_MS = 60_000

export interface JobsDeps {
  db: Database
  /** Does the error mean that the database is away for now? */
  isAway(error: unknown): boolean
  queue: Queue
  log: UpdateLog
  notifier: Notifier
}

export function createJobs({ db, isAway, queue, log, notifier }: JobsDeps): Jobs {
  const loader = new DataLoader<string, Job>(
    async (ids) => {
      const byId = await readPatiently(() => readJobsById(db, ids), { isAway, patienceMs: LOAD_MS })
      return ids.map((id) => byId.get(id) ?? new JobNotFoundError())
    },
    // Not cached: an update shows the job as it is now.
    { cache: false },
  )

  const createVideoLoader = (patienceMs: number) =>
    new DataLoader<string, Video | null>(
      async (jobIds) => {
        const where = { jobId: { in: [...new Set(jobIds)] } }
        const rows = await readPatiently(() => db.video.findMany({ where }), { isAway, patienceMs })
        const byJob = new Map(rows.map((row) => [row.jobId, row]))
        return jobIds.map((id) => byJob.get(id) ?? null)
      },
      { cache: false, batchScheduleFn: (flush) => setImmediate(flush) },
    )
  const videos = createVideoLoader(0)
  const videosOfUpdates = createVideoLoader(LOAD_MS)

  // Those who come at once, as all subscribers do after a restart, are answered by one query.
  const finder = new DataLoader<string, Job | null>(
    async (ids) => {
      const byId = await readJobsById(db, ids)
      return ids.map((id) => byId.get(id) ?? null)
    },
    { cache: false, batchScheduleFn: (flush) => setImmediate(flush) },
  )

  async function find(viewer: Viewer, id: string): Promise<Job | null> {
    const job = await finder.load(id)
    return job?.ownerId === viewer.ownerId ? job : null
  }

  async function get(viewer: Viewer, id: string): Promise<Job> {
    const job = await find(viewer, id)
    if (!job) throw new JobNotFoundError()
    return job
  }

  /** The one way in: a job made of checked settings, or the job that the key stands for. */
  function create(...args: Parameters<typeof save>): Promise<Submitted> {
    return withSpan('create job', {}, async (span) => {
      const submitted = await save(...args)
      span.set({ 'reelay.job_id': submitted.job.id })
      return submitted
    })
  }

  async function save(
    viewer: Viewer,
    settings: CheckedInput,
    options: { key: IdempotencyKey | null; retryOf: Job | null },
  ): Promise<Submitted> {
    const earlier = options.key && (await findByKey(db, options.key))
    if (earlier) return replay(earlier)
    try {
      const { job, first } = await transact(db, async (tx) => {
        const { image, ...columns } = settings
        const { updates, ...job } = await tx.job.create({
          data: {
            ...columns,
            ownerId: viewer.ownerId,
            model: DEFAULT_MODEL.endpoint,
            retryOfId: options.retryOf?.id ?? null,
            traceParent: currentTraceParent(),
            updates: { create: { sequence: 1, status: 'PENDING' } },
          },
          include: { updates: true },
        })
        if (image) await saveImage(tx, job.id, image)
        if (options.retryOf && job.imageUrl === null) await copyImage(tx, options.retryOf, job)
        if (options.retryOf) await inheritResult(tx, options.retryOf, job)
        if (options.key && !(await takeKey(tx, options.key, job.id))) throw new KeyTaken()
        await queue.enqueue(tx, job.id)
        return { job, first: updates[0] }
      })
      if (first)
        notifier.emit('updateStored', { ...first, ownerId: job.ownerId, logs: [], final: false, missed: 0 }, null)
      notifier.emit('taskAdded')
      return { job, replayed: false }
    } catch (error) {
      if (!(error instanceof KeyTaken && options.key)) throw error
      const winner = await findByKey(db, options.key)
      // Its 24 hours ended between the two looks: now it is free.
      return winner ? replay(winner) : await save(viewer, settings, options)
    }
  }

  return {
    submit: async (viewer, input) => {
      const settings = await checkVideoInput(DEFAULT_MODEL, input)
      const { idempotencyKey, imageUrl, seed, motionBucketId, condAug, fps } = input
      const fingerprint =
        idempotencyKey == null ? '' : await toFingerprint([imageUrl, seed, motionBucketId, condAug, fps])
      const key = idempotencyKey == null ? null : { ownerId: viewer.ownerId, key: idempotencyKey, fingerprint }
      return await create(viewer, settings, { key, retryOf: null })
    },

    cancel: async (viewer, id) => {
      const job = await get(viewer, id)
      if (job.status === 'CANCELING') return job
      if (!isCancelable(job.status)) throw new JobStateError(job, 'cancel')
      const appended = await transact(db, async (tx) => {
        // Locked before it is decided: a submit that is about to leave has either marked the row by now, or will not.
        const [row] = await tx.$queryRaw<
          { sent: boolean }[]
        >`SELECT "submittingAt" IS NOT NULL AS sent FROM "Job" WHERE id = ${id}::uuid FOR UPDATE`
        return await log.appendIn(tx, { jobId: id, claim: null, status: row?.sent ? 'CANCELING' : 'CANCELED' })
      })
      if (appended.outcome === 'stored') notifier.emit('updateStored', appended.update, appended.previous)
      const after = await get(viewer, id)
      if (appended.outcome !== 'stored' && isTerminal(after.status)) throw new JobStateError(after, 'cancel')
      notifier.emit('jobChanged', id)
      return after
    },

    retry: async (viewer, id, idempotencyKey) => {
      const job = await get(viewer, id)
      if (!isTerminal(job.status)) throw new JobStateError(job, 'retry')
      const { imageUrl, seed, motionBucketId, condAug, fps } = job
      const key =
        idempotencyKey == null
          ? null
          : { ownerId: viewer.ownerId, key: idempotencyKey, fingerprint: await toFingerprint(['retry', id]) }
      const settings = { imageUrl, seed, motionBucketId, condAug, fps, image: null }
      return await create(viewer, settings, { key, retryOf: job })
    },

    find,
    list: ({ ownerId }, filter, range) => readJobs(db, { ownerId, filter, range }),
    count: ({ ownerId }, range) => countJobs(db, ownerId, range),
    load: (id) => loader.load(id),
    loadVideo: async ({ id, status }, { isPatient }) => {
      if (status !== 'SUCCEEDED') return null
      return await (isPatient ? videosOfUpdates : videos).load(id)
    },
    findVideos: async ({ ownerId }, ids) => {
      const rows = await db.video.findMany({ where: { id: { in: [...ids] }, job: { ownerId } } })
      const byId = new Map(rows.map((row) => [row.id, row]))
      return ids.map((id) => byId.get(id) ?? null)
    },
    findImage: async (id) => {
      // The length is known without reading the bytes. Of an ended job they are kept for a retry, not to be shown.
      const [image] = await db.$queryRaw<{ contentType: string; sizeBytes: number }[]>`
        SELECT i."contentType", octet_length(i.bytes) AS "sizeBytes" FROM "JobImage" i JOIN "Job" j ON j.id = i."jobId"
        WHERE j.id = ${id}::uuid AND j."imageUrl" IS NULL AND j."finishedAt" IS NULL`
      if (!image) return null
      return {
        ...image,
        read: (start, length) => readImagePiece(db, id, { start, length }),
      }
    },
  }
}

/**
 * Within the database: of up to 10 MiB each, a few retries at once would take more memory than the process has.
 * @throws JobStateError when the image is no longer there
 */
async function copyImage(tx: Transaction, from: Job, to: Pick<Job, 'id'>): Promise<void> {
  const copied = await tx.$executeRaw`
    INSERT INTO "JobImage" ("jobId", "contentType", bytes)
    SELECT ${to.id}::uuid, "contentType", bytes FROM "JobImage" WHERE "jobId" = ${from.id}::uuid`
  if (copied === 0) throw new JobStateError(from, 'picture is gone')
}

/** Two calls with one key at once: the other one was first. */
class KeyTaken extends Error {}

function replay({ job, sameInput }: { job: Job; sameInput: boolean }): Submitted {
  if (!sameInput) throw new IdempotencyConflictError(job)
  return { job, replayed: true }
}
