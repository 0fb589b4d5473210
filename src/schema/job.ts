import type { Job as JobShape } from '../generated/prisma/client.ts'
import { imageUrl, jobCursor, jobFailure, retriedJob, videoOfJob } from '../resolvers/jobs.ts'
import { updatesOfJob } from '../resolvers/updates.ts'
import { builder, PRICES, pageComplexity } from './builder.ts'
import { JobFailure } from './job-failure.ts'
import { JobUpdate } from './job-update.ts'
import { Video } from './video.ts'

export const JobStatus = builder.enumType('JobStatus', {
  description: 'Where a job is. It only ever moves on: see `Job.status`.',
  values: {
    PENDING: { description: 'Saved here; not yet accepted by fal.' },
    QUEUED: { description: "In fal's queue (fal: IN_QUEUE)." },
    RUNNING: { description: 'Being generated (fal: IN_PROGRESS).' },
    STORING: {
      description:
        'Reserved: generated, and the file is being copied. Videos stay with fal for now, so no job gets here yet.',
    },
    CANCELING: { description: 'Cancel was asked for; fal has not confirmed it.' },
    SUCCEEDED: { description: 'Ended: there is a video.' },
    FAILED: { description: 'Ended: `failure` says why.' },
    CANCELED: { description: 'Ended: canceled before there was a video.' },
  } as const,
})

export const Job = builder.objectRef<JobShape>('Job')

builder.node(Job, {
  description: 'One video being made.',
  id: { resolve: ({ id }) => id, description: 'Globally unique and opaque: fetch this again with `node` or `job`.' },
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'retryOfId' in value,
  loadMany: (ids, { jobs, viewer }) => Promise.all(ids.map((id) => jobs.find(viewer, id))),
  fields: (t) => ({
    status: t.expose('status', {
      type: JobStatus,
      description:
        'Where the job is: PENDING, QUEUED, RUNNING, then SUCCEEDED, FAILED or CANCELED; never back. CANCELING comes between when a cancel was asked for that fal has yet to confirm.',
    }),
    settings: t.field({
      type: VideoSettings,
      description: 'The exact values sent to fal, defaults filled in.',
      resolve: (job) => job,
    }),
    queuePosition: t.exposeInt('queuePosition', {
      nullable: true,
      description: '0 = next. Null unless QUEUED, or while fal has not said.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the job was saved here.' }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When generation began, as first seen. Null before RUNNING.',
    }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Null until the job has ended.',
    }),
    failure: t.field({ type: JobFailure, nullable: true, description: 'Null unless FAILED.', resolve: jobFailure }),
    video: t.field({
      type: Video,
      nullable: true,
      description: 'Null until SUCCEEDED.',
      complexity: PRICES.video,
      resolve: videoOfJob,
    }),
    retryOf: t.field({
      type: Job,
      nullable: true,
      description: 'The job that this one repeats (retryJob).',
      complexity: PRICES.row,
      resolve: retriedJob,
    }),
    cursor: t.string({
      description: 'Newest cursor: subscribe with it to get only what comes later.',
      resolve: jobCursor,
    }),
    updates: t.connection(
      {
        type: JobUpdate,
        description: 'The stored log, oldest first. `first` or `last` of 1 to 100, 20 if neither is given.',
        complexity: (page) => pageComplexity(page, PRICES.updates),
        resolve: updatesOfJob,
      },
      { name: 'JobUpdateConnection', description: 'A page of the log of a job.' },
      { name: 'JobUpdateEdge', description: 'An update and its place in the log.' },
    ),
  }),
})

const VideoSettings = builder.objectRef<JobShape>('VideoSettings')

VideoSettings.implement({
  description: 'What a video is made from.',
  fields: (t) => ({
    model: t.exposeString('model', { description: 'fal endpoint, e.g. fal-ai/stable-video.' }),
    imageUrl: t.field({
      type: 'URL',
      description:
        'The picture that the video begins with. Of a data URI: where the picture was uploaded to; until then, where this server shows it as long as the job has not ended.',
      complexity: PRICES.url,
      resolve: imageUrl,
    }),
    seed: t.expose('seed', {
      type: 'SafeInt',
      nullable: true,
      description: 'Null = fal chooses; the seed really used is in Video.seed.',
    }),
    motionBucketId: t.exposeInt('motionBucketId', { description: '1 to 255; more is more motion.' }),
    condAug: t.exposeFloat('condAug', {
      description: '0 to 10; noise added to the first frame: more motion, less likeness.',
    }),
    fps: t.exposeInt('fps', { description: '10 to 100 frames per second.' }),
  }),
})
