import { builder } from './builder.ts'

export const Video = builder.prismaNode('Video', {
  description: 'What a job made.',
  id: { field: 'id', description: 'Globally unique and opaque: fetch this again with `node`.' },
  nullable: true,
  findUnique: (id, { viewer }) => ({ id, job: { ownerId: viewer.ownerId } }),
  fields: (t) => ({
    job: t.relation('job', { description: 'The job that made it.' }),
    url: t.expose('url', { type: 'URL', description: 'Where to play or download it.' }),
    contentType: t.exposeString('contentType', { description: 'Media type, e.g. video/mp4.' }),
    fileName: t.exposeString('fileName', { description: 'A name to save it by.' }),
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
