import type { Video as VideoShape } from '../generated/prisma/client.ts'
import { jobOfVideo, videoName, videoType } from '../resolvers/jobs.ts'
import { builder, PRICES } from './builder.ts'
import { Job } from './job.ts'

export const Video = builder.objectRef<VideoShape>('Video')

builder.node(Video, {
  description: 'The video that a job generated.',
  id: { resolve: ({ id }) => id, description: 'Globally unique, opaque id. Fetch the video again with `node`.' },
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'fileName' in value,
  // One query for all: the owner is a column of the job, and Prisma would query each video separately.
  loadMany: (ids, { jobs, viewer }) => jobs.findVideos(viewer, ids),
  fields: (t) => ({
    job: t.field({
      type: Job,
      description: 'The job that generated the video.',
      complexity: PRICES.row,
      resolve: jobOfVideo,
    }),
    url: t.expose('url', { type: 'URL', description: 'The URL to play or download the video.' }),
    contentType: t.string({ description: 'The media type, for example video/mp4.', resolve: videoType }),
    fileName: t.string({
      description: 'A safe file name for saving, with the extension of the media type.',
      resolve: videoName,
    }),
    fileSize: t.expose('fileSize', {
      type: 'SafeInt',
      nullable: true,
      description: 'The size in bytes. Null when fal does not report it.',
    }),
    seed: t.expose('seed', {
      type: 'SafeInt',
      nullable: true,
      description: 'The seed that was used. Use it again to get the same clip. Null when fal does not report it.',
    }),
  }),
})
