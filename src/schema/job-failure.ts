import type { Failure, FailureCode } from '../jobs/failure.ts'
import { builder, describedEnum } from './builder.ts'
import { InputIssue } from './user-error.ts'

const DESCRIPTION = 'The kind of a failure. New codes may be added: fall back to `retryable`.'

const JobFailureCode = describedEnum<FailureCode>('JobFailureCode', DESCRIPTION, {
  INPUT_REJECTED: 'fal rejected the settings. `issues` lists the fields.',
  INPUT_UNREACHABLE: 'fal could not download or read the image.',
  CONTENT_POLICY: "The image violates fal's content policy.",
  PROVIDER_AUTH: "fal rejected this server's API key.",
  PROVIDER_TIMEOUT: 'Generation exceeded the time limit of fal.',
  PROVIDER_UNAVAILABLE: 'fal could not be reached, or had no machine available.',
  PROVIDER_ERROR: 'fal failed during generation, or returned an invalid response.',
  SUBMIT_UNKNOWN: 'fal did not confirm the request and may or may not have accepted it. It was not sent twice.',
  RESULT_REFUSED:
    'fal completed the request, but this server could not process the result. The result is stored: `retryJob` reads it again at no cost.',
  RESULT_EXPIRED: 'fal no longer has the result of the request.',
  STORAGE_FAILED: 'Reserved for storage failures. Videos are not copied from fal yet, so no job fails with this code.',
  INTERNAL: 'This server failed. Its log contains the reason.',
})

export const JobFailure = builder.objectRef<Failure>('JobFailure').implement({
  description: 'Why a job failed, and how to resolve it.',
  fields: (t) => ({
    code: t.expose('code', { type: JobFailureCode, description: 'The kind of failure.' }),
    message: t.exposeString('message', { description: 'What happened and what to do, in English.' }),
    retryable: t.exposeBoolean('retryable', {
      description:
        'True when `retryJob` may succeed, possibly after the action that `message` suggests. A retry does not pay again for a video that fal can still deliver.',
    }),
    providerCode: t.exposeString('providerCode', {
      nullable: true,
      description: 'The error type that fal reported, for support requests. Null when fal reported none.',
    }),
    issues: t.expose('issues', {
      type: [InputIssue],
      description: 'The settings that fal rejected. Empty when fal named none.',
    }),
  }),
})
