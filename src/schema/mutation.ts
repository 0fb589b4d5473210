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
  description: 'The settings of a new video.',
  fields: (t) => ({
    imageUrl: t.field({
      type: 'URL',
      required: true,
      description:
        'The image to start from: an http(s) URL that fal can download, a data URI of a JPEG, PNG or WebP of at most 10 MiB, or the `url` that `uploadImage` returned.',
    }),
    seed: t.field({
      type: 'SafeInt',
      description: 'Use the seed of an earlier video to get the same clip. If omitted, fal chooses one.',
    }),
    motionBucketId: t.int({
      required: true,
      defaultValue: defaults.motionBucketId,
      description: 'The amount of motion, from 1 (almost still) to 255.',
    }),
    condAug: t.float({
      required: true,
      defaultValue: defaults.condAug,
      description:
        'The noise added to the first frame, from 0 to 10. More noise gives more motion and less likeness to the image.',
    }),
    fps: t.int({ required: true, defaultValue: defaults.fps, description: 'Frames per second, from 10 to 100.' }),
    idempotencyKey: t.string({
      description:
        'A unique key of 1 to 255 characters, valid for 24 hours. The same key with the same input returns the same job; with a different input it returns an IdempotencyConflictError.',
    }),
  }),
})

const GenerateVideoSuccess = builder.objectRef<Submitted>('GenerateVideoSuccess').implement({
  description: 'The job is saved and will be completed even if this server restarts.',
  fields: (t) => ({
    job: t.expose('job', { type: Job, description: 'The job.' }),
    replayed: t.exposeBoolean('replayed', {
      description: 'True when the idempotency key matched an earlier call, whose job this is.',
    }),
  }),
})

const CancelJobSuccess = builder.objectRef<{ job: JobShape }>('CancelJobSuccess').implement({
  description: 'The job is canceled, or its cancellation is requested.',
  fields: (t) => ({
    job: t.expose('job', {
      type: Job,
      description: 'The current state of the job: CANCELED, or CANCELING until fal confirms.',
    }),
  }),
})

const UploadImageSuccess = builder.objectRef<UploadedImage>('UploadImageSuccess').implement({
  description: 'The image is stored at fal.',
  fields: (t) => ({
    url: t.expose('url', {
      type: 'URL',
      description: 'The URL of the image. Pass it as `imageUrl` to `generateVideo`.',
    }),
    contentType: t.exposeString('contentType', {
      description: 'The media type of the bytes: image/jpeg, image/png or image/webp.',
    }),
    fileSize: t.expose('fileSize', { type: 'SafeInt', description: 'The size of the image in bytes.' }),
  }),
})

builder.mutationType({
  description: 'Create, cancel and retry video jobs.',
  fields: (t) => ({
    generateVideo: t.field({
      type: GenerateVideoSuccess,
      complexity: PRICES.paid,
      description: 'Create a video job. Returns immediately; follow the job with the `jobProgress` subscription.',
      args: { input: t.arg({ type: GenerateVideoInput, required: true, description: 'The settings of the video.' }) },
      errors: {
        types: [InvalidInputError, IdempotencyConflictError, LimitExceededError],
        union: { name: 'GenerateVideoResult', description: 'The job, or the reason why it was not created.' },
      },
      resolve: generateVideo,
    }),
    cancelJob: t.field({
      type: CancelJobSuccess,
      complexity: PRICES.row,
      description: 'Cancel a job. A video that fal has already finished still ends as SUCCEEDED.',
      args: { id: t.arg.id({ required: true, description: 'The `id` of the job.' }) },
      // Costs neither money nor storage. The other mutations may occur once per request.
      extensions: { isRepeatable: true },
      errors: {
        types: [JobNotFoundError, JobStateError],
        union: { name: 'CancelJobResult', description: 'The job, or the reason why it cannot be canceled.' },
      },
      resolve: cancelJob,
    }),
    retryJob: t.field({
      type: GenerateVideoSuccess,
      complexity: PRICES.paid,
      description:
        'Create a new job with the settings of an ended job. If fal may still have an uncollected result of the ended job, the new job continues that request instead of paying for another.',
      args: {
        id: t.arg.id({ required: true, description: 'The `id` of the ended job.' }),
        idempotencyKey: t.arg.string({
          description: 'As in GenerateVideoInput: the same key and id return the same new job.',
        }),
      },
      errors: {
        types: [JobNotFoundError, JobStateError, LimitExceededError],
        union: { name: 'RetryJobResult', description: 'The new job, or the reason why it was not created.' },
      },
      resolve: retryJob,
    }),
    uploadImage: t.field({
      type: UploadImageSuccess,
      complexity: PRICES.paid,
      description: "Upload an image to fal's storage with a GraphQL multipart request.",
      args: {
        file: t.arg({ type: 'File', required: true, description: 'A JPEG, PNG or WebP image of at most 10 MiB.' }),
      },
      errors: {
        types: [InvalidInputError, LimitExceededError],
        union: { name: 'UploadImageResult', description: 'The uploaded image, or the reason why it was rejected.' },
      },
      resolve: uploadImage,
    }),
  }),
})
