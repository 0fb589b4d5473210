import {
  IdempotencyConflictError,
  InvalidInputError,
  JobNotFoundError,
  JobStateError,
  LimitExceededError,
} from '../errors.ts'
import type { Job as JobShape } from '../generated/prisma/client.ts'
import type { UploadedImage } from '../jobs/image-upload.ts'
import type { Submitted } from '../jobs/jobs.ts'
import { cancelJob, videoDefaults as defaults, generateVideo, retryJob } from '../resolvers/jobs.ts'
import { uploadImage } from '../resolvers/uploads.ts'
import { builder, PRICES } from './builder.ts'
import { Job } from './job.ts'

const GenerateVideoInput = builder.inputType('GenerateVideoInput', {
  description: 'What to make a video from.',
  fields: (t) => ({
    imageUrl: t.field({
      type: 'URL',
      required: true,
      description:
        'An http(s) URL that fal can fetch, a data URI of an image (JPEG, PNG or WebP of at most 10 MiB), or the url that uploadImage returned.',
    }),
    seed: t.field({
      type: 'SafeInt',
      description: 'Repeat the seed of a video to get the same clip; fal chooses if not given.',
    }),
    motionBucketId: t.int({
      required: true,
      defaultValue: defaults.motionBucketId,
      description: '1 to 255; more is more motion.',
    }),
    condAug: t.float({
      required: true,
      defaultValue: defaults.condAug,
      description: '0 to 10; noise added to the first frame: more motion, less likeness.',
    }),
    fps: t.int({ required: true, defaultValue: defaults.fps, description: '10 to 100 frames per second.' }),
    idempotencyKey: t.string({
      description:
        '1 to 255 characters, unique for 24 h. Same key and input: the same job. Same key, other input: IdempotencyConflictError.',
    }),
  }),
})

const GenerateVideoSuccess = builder.objectRef<Submitted>('GenerateVideoSuccess').implement({
  description: 'The job is saved and will be brought to an end, whatever happens to this server.',
  fields: (t) => ({
    job: t.field({ type: Job, description: 'The job.', resolve: ({ job }) => job }),
    replayed: t.exposeBoolean('replayed', { description: 'True when the idempotency key matched an earlier call.' }),
  }),
})

const CancelJobSuccess = builder.objectRef<{ job: JobShape }>('CancelJobSuccess').implement({
  description: 'The job is canceled, or its end has been asked for.',
  fields: (t) => ({
    job: t.field({
      type: Job,
      description: 'The job as it is now: CANCELED, or CANCELING until fal confirms.',
      resolve: ({ job }) => job,
    }),
  }),
})

const UploadImageSuccess = builder.objectRef<UploadedImage>('UploadImageSuccess').implement({
  description: "The image is in fal's storage.",
  fields: (t) => ({
    url: t.expose('url', { type: 'URL', description: 'The url can be given as imageUrl.' }),
    contentType: t.exposeString('contentType', {
      description: 'What the bytes are: image/jpeg, image/png or image/webp.',
    }),
    fileSize: t.expose('fileSize', { type: 'SafeInt', description: 'Bytes.' }),
  }),
})

builder.mutationType({
  description: 'What can be done.',
  fields: (t) => ({
    generateVideo: t.field({
      type: GenerateVideoSuccess,
      complexity: PRICES.paid,
      description: 'Saves a job and answers at once; watch it with jobProgress.',
      args: { input: t.arg({ type: GenerateVideoInput, required: true, description: 'What to make a video from.' }) },
      errors: {
        types: [InvalidInputError, IdempotencyConflictError, LimitExceededError],
        union: { name: 'GenerateVideoResult', description: 'The job, or why there is none.' },
      },
      resolve: generateVideo,
    }),
    cancelJob: t.field({
      type: CancelJobSuccess,
      complexity: PRICES.row,
      description: 'Asks for the end of a job. What fal had finished already ends SUCCEEDED all the same.',
      args: { id: t.arg.id({ required: true, description: 'The `id` of the job.' }) },
      // It costs neither money nor storage; the others run once in a request.
      extensions: { isRepeatable: true },
      errors: {
        types: [JobNotFoundError, JobStateError],
        union: { name: 'CancelJobResult', description: 'The job, or why it cannot be canceled.' },
      },
      resolve: cancelJob,
    }),
    retryJob: t.field({
      type: GenerateVideoSuccess,
      complexity: PRICES.paid,
      description:
        'A new job with the settings of an ended one. It goes on with the request of that one, instead of paying for another, where its result was not taken.',
      args: {
        id: t.arg.id({ required: true, description: 'The `id` of the ended job.' }),
        idempotencyKey: t.arg.string({
          description: 'As in GenerateVideoInput: the same key and id lead to the same new job.',
        }),
      },
      errors: {
        types: [JobNotFoundError, JobStateError, LimitExceededError],
        union: { name: 'RetryJobResult', description: 'The new job, or why there is none.' },
      },
      resolve: retryJob,
    }),
    uploadImage: t.field({
      type: UploadImageSuccess,
      complexity: PRICES.paid,
      description: "Puts an image into fal's storage, by a GraphQL multipart request.",
      args: { file: t.arg({ type: 'File', required: true, description: 'A JPEG, PNG or WebP of at most 10 MiB.' }) },
      errors: {
        types: [InvalidInputError, LimitExceededError],
        union: { name: 'UploadImageResult', description: 'Where the image is, or why it was not taken.' },
      },
      resolve: uploadImage,
    }),
  }),
})
