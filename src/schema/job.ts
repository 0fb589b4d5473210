import type { Job as JobShape } from '../generated/prisma/client.ts'
import type { JobStatus as Status } from '../generated/prisma/enums.ts'
import { imageUrl, jobCursor, jobFailure, retriedJob, videoOfJob } from '../resolvers/jobs.ts'
import { updatesOfJob } from '../resolvers/updates.ts'
import { builder, describedEnum, PRICES, pageComplexity } from './builder.ts'
import { JobFailure } from './job-failure.ts'
import { JobUpdate } from './job-update.ts'
import { Video } from './video.ts'

const STATUS_DESCRIPTION = 'The status of a job. It never moves backwards: see `Job.status`.'

export const JobStatus = describedEnum<Status>('JobStatus', STATUS_DESCRIPTION, {
  PENDING: 'Saved on this server, not yet accepted by fal.',
  QUEUED: "Waiting in fal's queue (fal: IN_QUEUE).",
  RUNNING: 'fal is generating the video (fal: IN_PROGRESS).',
  STORING: 'Reserved for copying the finished video. Videos are not copied from fal yet, so no job has this status.',
  CANCELING: 'Cancellation was requested, and fal has not confirmed it.',
  SUCCEEDED: 'Ended with a video.',
  FAILED: 'Ended without a video. `failure` gives the reason.',
  CANCELED: 'Ended by cancellation, without a video.',
})

export const Job = builder.objectRef<JobShape>('Job')

builder.node(Job, {
  description: 'A request for one video, from its submission to its end.',
  id: { resolve: ({ id }) => id, description: 'Globally unique, opaque id. Fetch the job again with `node` or `job`.' },
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'retryOfId' in value,
  loadMany: (ids, { jobs, viewer }) => Promise.all(ids.map((id) => jobs.find(viewer, id))),
  fields: (t) => ({
    status: t.expose('status', {
      type: JobStatus,
      description:
        'The status of the job: PENDING, QUEUED, RUNNING, then SUCCEEDED, FAILED or CANCELED. Statuses may be skipped but never move backwards. CANCELING comes before the end while fal has yet to confirm a cancellation.',
    }),
    settings: t.field({
      type: VideoSettings,
      description: 'The exact values sent to fal, including defaults.',
      resolve: (job) => job,
    }),
    queuePosition: t.exposeInt('queuePosition', {
      nullable: true,
      description:
        'The number of requests ahead in the queue of fal; 0 is next. Null unless QUEUED, or until fal reports a position.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When this server saved the job.' }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When this server first saw the job running. Null before RUNNING.',
    }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the job ended. Null until then.',
    }),
    failure: t.field({
      type: JobFailure,
      nullable: true,
      description: 'Why the job failed. Null unless FAILED.',
      resolve: jobFailure,
    }),
    video: t.field({
      type: Video,
      nullable: true,
      description: 'The video. Null until SUCCEEDED.',
      complexity: PRICES.video,
      resolve: videoOfJob,
    }),
    retryOf: t.field({
      type: Job,
      nullable: true,
      description: 'The job that this one repeats with `retryJob`. Null when it is not a retry.',
      complexity: PRICES.row,
      resolve: retriedJob,
    }),
    cursor: t.string({
      description: 'The cursor of the newest update. Subscribe with it as `after` to receive only later updates.',
      resolve: jobCursor,
    }),
    updates: t.connection(
      {
        type: JobUpdate,
        description: 'The stored updates, oldest first. `first` or `last` may be 1 to 100; the default is `first: 20`.',
        complexity: (page) => pageComplexity(page, PRICES.updates),
        resolve: updatesOfJob,
      },
      { name: 'JobUpdateConnection', description: 'A page of the updates of a job.' },
      { name: 'JobUpdateEdge', description: 'An update and its cursor.' },
    ),
  }),
})

const VideoSettings = builder.objectRef<JobShape>('VideoSettings')

VideoSettings.implement({
  description: 'The settings of a video.',
  fields: (t) => ({
    model: t.exposeString('model', { description: 'The fal endpoint, for example fal-ai/stable-video.' }),
    imageUrl: t.field({
      type: 'URL',
      description:
        'The image that the video starts from. For a data URI: the URL of the uploaded image, or until the upload the URL under which this server serves the image while the job has not ended.',
      complexity: PRICES.url,
      resolve: imageUrl,
    }),
    seed: t.expose('seed', {
      type: 'SafeInt',
      nullable: true,
      description: 'The requested seed. Null when fal chooses it; `Video.seed` is the seed that was used.',
    }),
    motionBucketId: t.exposeInt('motionBucketId', {
      description: 'The amount of motion, from 1 (almost still) to 255.',
    }),
    condAug: t.exposeFloat('condAug', {
      description:
        'The noise added to the first frame, from 0 to 10. More noise gives more motion and less likeness to the image.',
    }),
    fps: t.exposeInt('fps', { description: 'Frames per second, from 10 to 100.' }),
  }),
})
