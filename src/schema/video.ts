import type { Video as VideoShape } from '../generated/prisma/client.ts'
import { jobOfVideo, videoName, videoType } from '../resolvers/jobs.ts'
import { builder, PRICES } from './builder.ts'
import { Job } from './job.ts'

export const Video = builder.objectRef<VideoShape>('Video')

builder.node(Video, {
  description: 'What a job made.',
  id: { resolve: ({ id }) => id, description: 'Globally unique and opaque: fetch this again with `node`.' },
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'fileName' in value,
  // All at once: whose a video is stands in its job, and Prisma would ask for each of them alone.
  loadMany: (ids, { jobs, viewer }) => jobs.findVideos(viewer, ids),
  fields: (t) => ({
    job: t.field({ type: Job, description: 'The job that made it.', complexity: PRICES.row, resolve: jobOfVideo }),
    url: t.expose('url', { type: 'URL', description: 'Where to play or download it.' }),
    contentType: t.string({ description: 'Media type, e.g. video/mp4.', resolve: videoType }),
    fileName: t.string({
      description: 'A name to save it by: one segment, with the ending of its type.',
      resolve: videoName,
    }),
    fileSize: t.expose('fileSize', {
      type: 'SafeInt',
      nullable: true,
      description: 'Bytes; null when fal did not say.',
    }),
    seed: t.expose('seed', {
      type: 'SafeInt',
      nullable: true,
      description: 'The seed really used: repeat it to get the same clip. Null when fal did not say.',
    }),
  }),
})
