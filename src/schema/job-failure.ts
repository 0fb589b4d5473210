import type { Failure, FailureCode } from '../jobs/failure.ts'
import { builder } from './builder.ts'
import { InputIssue } from './user-error.ts'

const DESCRIPTIONS: Record<FailureCode, string> = {
  INPUT_REJECTED: 'fal refused the settings: `issues` says which.',
  INPUT_UNREACHABLE: 'fal could not fetch or read the picture.',
  CONTENT_POLICY: "The picture is against fal's content policy.",
  PROVIDER_AUTH: "fal refused this server's key.",
  PROVIDER_TIMEOUT: 'Generating took longer than fal allows.',
  PROVIDER_UNAVAILABLE: 'fal could not be reached, or had no machine for it.',
  PROVIDER_ERROR: 'fal failed while generating, or answered something unreadable.',
  SUBMIT_UNKNOWN: 'fal may or may not have accepted the request; it was not sent twice.',
  RESULT_REFUSED:
    'fal completed the request, but this server could not take its answer, which is kept: `retryJob` reads it again and pays nothing.',
  RESULT_EXPIRED: 'fal no longer has the result.',
  STORAGE_FAILED: 'Reserved: the video was made, but could not be stored. Videos stay with fal for now.',
  INTERNAL: 'This server failed. The operator finds the reason in the log.',
}

const JobFailureCode = builder.enumType('JobFailureCode', {
  description: 'Why a job failed. More may come.',
  values: Object.fromEntries(Object.entries(DESCRIPTIONS).map(([code, description]) => [code, { description }])) as {
    [Code in FailureCode]: { description: string }
  },
})

export const JobFailure = builder.objectRef<Failure>('JobFailure').implement({
  description: 'Why a job failed, and what to do about it.',
  fields: (t) => ({
    code: t.field({ type: JobFailureCode, description: 'The kind of failure.', resolve: (failure) => failure.code }),
    message: t.exposeString('message', { description: 'What happened and what to do; in English.' }),
    retryable: t.exposeBoolean('retryable', {
      description:
        'True when `retryJob` may well succeed, if need be after what `message` says. It pays for no video that fal may still hand out.',
    }),
    providerCode: t.exposeString('providerCode', { nullable: true, description: "fal's own error type, for support." }),
    issues: t.field({
      type: [InputIssue],
      description: 'Which setting fal refused, when it said so.',
      resolve: (failure) => failure.issues,
    }),
  }),
})
