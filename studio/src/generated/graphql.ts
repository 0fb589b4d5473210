/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** What to make a video from. */
export type GenerateVideoInput = {
  /** 0 to 10; noise added to the first frame: more motion, less likeness. */
  condAug?: number;
  /** 10 to 100 frames per second. */
  fps?: number;
  /** 1 to 255 characters, unique for 24 h. Same key and input: the same job. Same key, other input: IdempotencyConflictError. */
  idempotencyKey?: string | null | undefined;
  /** An http(s) URL that fal can fetch, a data URI of an image (JPEG, PNG or WebP of at most 10 MiB), or the url that uploadImage returned. */
  imageUrl: string;
  /** 1 to 255; more is more motion. */
  motionBucketId?: number;
  /** Repeat the seed of a video to get the same clip; fal chooses if not given. */
  seed?: number | null | undefined;
};

/** Why a job failed. More may come. */
export type JobFailureCode =
  /** The picture is against fal's content policy. */
  | 'CONTENT_POLICY'
  /** fal refused the settings: `issues` says which. */
  | 'INPUT_REJECTED'
  /** fal could not fetch or read the picture. */
  | 'INPUT_UNREACHABLE'
  /** This server failed. The operator finds the reason in the log. */
  | 'INTERNAL'
  /** fal refused this server's key. */
  | 'PROVIDER_AUTH'
  /** fal failed while generating, or answered something unreadable. */
  | 'PROVIDER_ERROR'
  /** Generating took longer than fal allows. */
  | 'PROVIDER_TIMEOUT'
  /** fal could not be reached, or had no machine for it. */
  | 'PROVIDER_UNAVAILABLE'
  /** fal no longer has the result. */
  | 'RESULT_EXPIRED'
  /** fal completed the request, but this server could not take its answer, which is kept: `retryJob` reads it again and pays nothing. */
  | 'RESULT_REFUSED'
  /** Reserved: the video was made, but could not be stored. Videos stay with fal for now. */
  | 'STORAGE_FAILED'
  /** fal may or may not have accepted the request; it was not sent twice. */
  | 'SUBMIT_UNKNOWN';

/** Which jobs to list: those that meet every condition given. */
export type JobFilter = {
  /** Saved later than this. */
  createdAfter?: string | null | undefined;
  /** Saved earlier than this. */
  createdBefore?: string | null | undefined;
  /** In one of these states. */
  status?: Array<JobStatus> | null | undefined;
};

/** Where a job is. It only ever moves on: see `Job.status`. */
export type JobStatus =
  /** Ended: canceled before there was a video. */
  | 'CANCELED'
  /** Cancel was asked for; fal has not confirmed it. */
  | 'CANCELING'
  /** Ended: `failure` says why. */
  | 'FAILED'
  /** Saved here; not yet accepted by fal. */
  | 'PENDING'
  /** In fal's queue (fal: IN_QUEUE). */
  | 'QUEUED'
  /** Being generated (fal: IN_PROGRESS). */
  | 'RUNNING'
  /** Reserved: generated, and the file is being copied. Videos stay with fal for now, so no job gets here yet. */
  | 'STORING'
  /** Ended: there is a video. */
  | 'SUCCEEDED';

/** How much a log line matters. */
export type LogLevel =
  /** For those who look for a fault. */
  | 'DEBUG'
  /** Something failed. */
  | 'ERROR'
  /** The usual. */
  | 'INFO'
  /** Something was not as it should be; generating went on. */
  | 'WARN';

/** Whether fal takes jobs. More may come. */
export type ProviderState =
  /** Nothing is known to be wrong: jobs are sent as they come. */
  | 'AVAILABLE'
  /** fal refuses this server's key: jobs wait until the operator has set another one, or put the account right. */
  | 'KEY_REFUSED'
  /** fal takes fewer requests than there are: jobs are sent as it takes them. */
  | 'RATE_LIMITED'
  /** fal cannot be reached, or does not answer as it should: jobs wait, and are sent as soon as it does. */
  | 'UNREACHABLE';

export type JobOutcomeFragment = { id: string, status: JobStatus, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null };

export type JobSummaryFragment = { queuePosition: number | null, createdAt: string, startedAt: string | null, finishedAt: string | null, cursor: string, id: string, status: JobStatus, settings: { model: string, imageUrl: string, seed: number | null, motionBucketId: number, condAug: number, fps: number }, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null };

export type UpdateDetailsFragment = { cursor: string, sequence: number, at: string, status: JobStatus, queuePosition: number | null, progress: number | null, missed: number, logs: Array<{ at: string | null, level: LogLevel, message: string }> };

export type StudioJobsQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
  filter?: JobFilter | null | undefined;
}>;


export type StudioJobsQuery = { jobs: { edges: Array<{ node: { queuePosition: number | null, createdAt: string, startedAt: string | null, finishedAt: string | null, cursor: string, id: string, status: JobStatus, settings: { model: string, imageUrl: string, seed: number | null, motionBucketId: number, condAug: number, fps: number }, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type StudioJobQueryVariables = Exact<{
  id: string;
}>;


export type StudioJobQuery = { job: { queuePosition: number | null, createdAt: string, startedAt: string | null, finishedAt: string | null, cursor: string, id: string, status: JobStatus, settings: { model: string, imageUrl: string, seed: number | null, motionBucketId: number, condAug: number, fps: number }, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null } | null };

export type StudioGenerateMutationVariables = Exact<{
  input: GenerateVideoInput;
}>;


export type StudioGenerateMutation = { generateVideo:
    | { __typename: 'GenerateVideoSuccess', job: { queuePosition: number | null, createdAt: string, startedAt: string | null, finishedAt: string | null, cursor: string, id: string, status: JobStatus, settings: { model: string, imageUrl: string, seed: number | null, motionBucketId: number, condAug: number, fps: number }, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null } }
    | { __typename: 'IdempotencyConflictError', message: string }
    | { __typename: 'InvalidInputError', message: string, issues: Array<{ path: Array<string>, message: string }> }
    | { __typename: 'LimitExceededError', message: string }
   };

export type StudioCancelMutationVariables = Exact<{
  id: string;
}>;


export type StudioCancelMutation = { cancelJob:
    | { __typename: 'CancelJobSuccess', job: { queuePosition: number | null, createdAt: string, startedAt: string | null, finishedAt: string | null, cursor: string, id: string, status: JobStatus, settings: { model: string, imageUrl: string, seed: number | null, motionBucketId: number, condAug: number, fps: number }, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null } }
    | { __typename: 'JobNotFoundError', message: string }
    | { __typename: 'JobStateError', message: string }
   };

export type StudioRetryMutationVariables = Exact<{
  id: string;
  idempotencyKey?: string | null | undefined;
}>;


export type StudioRetryMutation = { retryJob:
    | { __typename: 'GenerateVideoSuccess', job: { queuePosition: number | null, createdAt: string, startedAt: string | null, finishedAt: string | null, cursor: string, id: string, status: JobStatus, settings: { model: string, imageUrl: string, seed: number | null, motionBucketId: number, condAug: number, fps: number }, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null } }
    | { __typename: 'JobNotFoundError', message: string }
    | { __typename: 'JobStateError', message: string }
    | { __typename: 'LimitExceededError', message: string }
   };

export type StudioProviderQueryVariables = Exact<{ [key: string]: never; }>;


export type StudioProviderQuery = { provider: { state: ProviderState, reason: string | null, since: string | null } };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const JobOutcomeFragmentDoc = new TypedDocumentString(`
    fragment JobOutcome on Job {
  id
  status
  video {
    id
    url
    contentType
    fileName
    fileSize
    seed
  }
  failure {
    code
    message
    retryable
    providerCode
    issues {
      path
      code
      message
    }
  }
}
    `, {"fragmentName":"JobOutcome"}) as unknown as TypedDocumentString<JobOutcomeFragment, unknown>;
export const JobSummaryFragmentDoc = new TypedDocumentString(`
    fragment JobSummary on Job {
  ...JobOutcome
  settings {
    model
    imageUrl
    seed
    motionBucketId
    condAug
    fps
  }
  queuePosition
  createdAt
  startedAt
  finishedAt
  cursor
}
    fragment JobOutcome on Job {
  id
  status
  video {
    id
    url
    contentType
    fileName
    fileSize
    seed
  }
  failure {
    code
    message
    retryable
    providerCode
    issues {
      path
      code
      message
    }
  }
}`, {"fragmentName":"JobSummary"}) as unknown as TypedDocumentString<JobSummaryFragment, unknown>;
export const UpdateDetailsFragmentDoc = new TypedDocumentString(`
    fragment UpdateDetails on JobUpdate {
  cursor
  sequence
  at
  status
  queuePosition
  logs {
    at
    level
    message
  }
  progress
  missed
}
    `, {"fragmentName":"UpdateDetails"}) as unknown as TypedDocumentString<UpdateDetailsFragment, unknown>;
export const StudioJobsDocument = new TypedDocumentString(`
    query StudioJobs($first: Int, $after: String, $filter: JobFilter) {
  jobs(first: $first, after: $after, filter: $filter) {
    edges {
      node {
        ...JobSummary
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    fragment JobOutcome on Job {
  id
  status
  video {
    id
    url
    contentType
    fileName
    fileSize
    seed
  }
  failure {
    code
    message
    retryable
    providerCode
    issues {
      path
      code
      message
    }
  }
}
fragment JobSummary on Job {
  ...JobOutcome
  settings {
    model
    imageUrl
    seed
    motionBucketId
    condAug
    fps
  }
  queuePosition
  createdAt
  startedAt
  finishedAt
  cursor
}`) as unknown as TypedDocumentString<StudioJobsQuery, StudioJobsQueryVariables>;
export const StudioJobDocument = new TypedDocumentString(`
    query StudioJob($id: ID!) {
  job(id: $id) {
    ...JobSummary
  }
}
    fragment JobOutcome on Job {
  id
  status
  video {
    id
    url
    contentType
    fileName
    fileSize
    seed
  }
  failure {
    code
    message
    retryable
    providerCode
    issues {
      path
      code
      message
    }
  }
}
fragment JobSummary on Job {
  ...JobOutcome
  settings {
    model
    imageUrl
    seed
    motionBucketId
    condAug
    fps
  }
  queuePosition
  createdAt
  startedAt
  finishedAt
  cursor
}`) as unknown as TypedDocumentString<StudioJobQuery, StudioJobQueryVariables>;
export const StudioGenerateDocument = new TypedDocumentString(`
    mutation StudioGenerate($input: GenerateVideoInput!) {
  generateVideo(input: $input) {
    __typename
    ... on GenerateVideoSuccess {
      job {
        ...JobSummary
      }
    }
    ... on InvalidInputError {
      issues {
        path
        message
      }
    }
    ... on UserError {
      message
    }
  }
}
    fragment JobOutcome on Job {
  id
  status
  video {
    id
    url
    contentType
    fileName
    fileSize
    seed
  }
  failure {
    code
    message
    retryable
    providerCode
    issues {
      path
      code
      message
    }
  }
}
fragment JobSummary on Job {
  ...JobOutcome
  settings {
    model
    imageUrl
    seed
    motionBucketId
    condAug
    fps
  }
  queuePosition
  createdAt
  startedAt
  finishedAt
  cursor
}`) as unknown as TypedDocumentString<StudioGenerateMutation, StudioGenerateMutationVariables>;
export const StudioCancelDocument = new TypedDocumentString(`
    mutation StudioCancel($id: ID!) {
  cancelJob(id: $id) {
    __typename
    ... on CancelJobSuccess {
      job {
        ...JobSummary
      }
    }
    ... on UserError {
      message
    }
  }
}
    fragment JobOutcome on Job {
  id
  status
  video {
    id
    url
    contentType
    fileName
    fileSize
    seed
  }
  failure {
    code
    message
    retryable
    providerCode
    issues {
      path
      code
      message
    }
  }
}
fragment JobSummary on Job {
  ...JobOutcome
  settings {
    model
    imageUrl
    seed
    motionBucketId
    condAug
    fps
  }
  queuePosition
  createdAt
  startedAt
  finishedAt
  cursor
}`) as unknown as TypedDocumentString<StudioCancelMutation, StudioCancelMutationVariables>;
export const StudioRetryDocument = new TypedDocumentString(`
    mutation StudioRetry($id: ID!, $idempotencyKey: String) {
  retryJob(id: $id, idempotencyKey: $idempotencyKey) {
    __typename
    ... on GenerateVideoSuccess {
      job {
        ...JobSummary
      }
    }
    ... on UserError {
      message
    }
  }
}
    fragment JobOutcome on Job {
  id
  status
  video {
    id
    url
    contentType
    fileName
    fileSize
    seed
  }
  failure {
    code
    message
    retryable
    providerCode
    issues {
      path
      code
      message
    }
  }
}
fragment JobSummary on Job {
  ...JobOutcome
  settings {
    model
    imageUrl
    seed
    motionBucketId
    condAug
    fps
  }
  queuePosition
  createdAt
  startedAt
  finishedAt
  cursor
}`) as unknown as TypedDocumentString<StudioRetryMutation, StudioRetryMutationVariables>;
export const StudioProviderDocument = new TypedDocumentString(`
    query StudioProvider {
  provider {
    state
    reason
    since
  }
}
    `) as unknown as TypedDocumentString<StudioProviderQuery, StudioProviderQueryVariables>;