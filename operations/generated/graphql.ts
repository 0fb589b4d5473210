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

/** What kind of error it is. More may come. */
export type UserErrorCode =
  /** The idempotency key was used with another input: use another key. */
  | 'IDEMPOTENCY_CONFLICT'
  /** The input breaks its rules: correct it. */
  | 'INVALID_INPUT'
  /** There is no such job that you may see. */
  | 'JOB_NOT_FOUND'
  /** The job is in a state in which this cannot be done. */
  | 'JOB_STATE_CONFLICT'
  /** Reserved: a limit has been reached, come back later. There are no limits for callers yet. */
  | 'LIMIT_EXCEEDED';

export type CancelJobMutationVariables = Exact<{
  id: string;
}>;


export type CancelJobMutation = { cancelJob:
    | { __typename: 'CancelJobSuccess', job: { queuePosition: number | null, createdAt: string, startedAt: string | null, finishedAt: string | null, cursor: string, id: string, status: JobStatus, settings: { model: string, imageUrl: string, seed: number | null, motionBucketId: number, condAug: number, fps: number }, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null } }
    | { __typename: 'JobNotFoundError', code: UserErrorCode, message: string }
    | { __typename: 'JobStateError', code: UserErrorCode, message: string, job: { id: string, status: JobStatus } }
   };

export type WatchFeedSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type WatchFeedSubscription = { jobFeed: { cursor: string, sequence: number, at: string, status: JobStatus, queuePosition: number | null, progress: number | null, missed: number, job: { queuePosition: number | null, createdAt: string, startedAt: string | null, finishedAt: string | null, cursor: string, id: string, status: JobStatus, settings: { model: string, imageUrl: string, seed: number | null, motionBucketId: number, condAug: number, fps: number }, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null }, logs: Array<{ at: string | null, level: LogLevel, message: string }> } };

export type JobOutcomeFragment = { id: string, status: JobStatus, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null };

export type JobSummaryFragment = { queuePosition: number | null, createdAt: string, startedAt: string | null, finishedAt: string | null, cursor: string, id: string, status: JobStatus, settings: { model: string, imageUrl: string, seed: number | null, motionBucketId: number, condAug: number, fps: number }, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null };

export type UpdateDetailsFragment = { cursor: string, sequence: number, at: string, status: JobStatus, queuePosition: number | null, progress: number | null, missed: number, logs: Array<{ at: string | null, level: LogLevel, message: string }> };

export type GenerateVideoMutationVariables = Exact<{
  input: GenerateVideoInput;
}>;


export type GenerateVideoMutation = { generateVideo:
    | { __typename: 'GenerateVideoSuccess', replayed: boolean, job: { queuePosition: number | null, createdAt: string, startedAt: string | null, finishedAt: string | null, cursor: string, id: string, status: JobStatus, settings: { model: string, imageUrl: string, seed: number | null, motionBucketId: number, condAug: number, fps: number }, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null } }
    | { __typename: 'IdempotencyConflictError', code: UserErrorCode, message: string, job: { id: string } }
    | { __typename: 'InvalidInputError', code: UserErrorCode, message: string, issues: Array<{ path: Array<string>, code: string, message: string }> }
    | { __typename: 'LimitExceededError', retryAt: string | null, code: UserErrorCode, message: string }
   };

export type GetJobQueryVariables = Exact<{
  id: string;
}>;


export type GetJobQuery = { job: { queuePosition: number | null, createdAt: string, startedAt: string | null, finishedAt: string | null, cursor: string, id: string, status: JobStatus, retryOf: { id: string } | null, settings: { model: string, imageUrl: string, seed: number | null, motionBucketId: number, condAug: number, fps: number }, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null } | null };

export type ListJobUpdatesQueryVariables = Exact<{
  id: string;
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}>;


export type ListJobUpdatesQuery = { job: { updates: { edges: Array<{ cursor: string, node: { cursor: string, sequence: number, at: string, status: JobStatus, queuePosition: number | null, progress: number | null, missed: number, logs: Array<{ at: string | null, level: LogLevel, message: string }> } }>, pageInfo: { hasNextPage: boolean, hasPreviousPage: boolean, startCursor: string | null, endCursor: string | null } } } | null };

export type ListJobsQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
  filter?: JobFilter | null | undefined;
}>;


export type ListJobsQuery = { jobs: { totalCount: number, edges: Array<{ cursor: string, node: { queuePosition: number | null, createdAt: string, startedAt: string | null, finishedAt: string | null, cursor: string, id: string, status: JobStatus, settings: { model: string, imageUrl: string, seed: number | null, motionBucketId: number, condAug: number, fps: number }, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null } }>, pageInfo: { hasNextPage: boolean, hasPreviousPage: boolean, startCursor: string | null, endCursor: string | null } } };

export type GetProviderQueryVariables = Exact<{ [key: string]: never; }>;


export type GetProviderQuery = { provider: { state: ProviderState, reason: string | null, since: string | null } };

export type RetryJobMutationVariables = Exact<{
  id: string;
  idempotencyKey?: string | null | undefined;
}>;


export type RetryJobMutation = { retryJob:
    | { __typename: 'GenerateVideoSuccess', replayed: boolean, job: { queuePosition: number | null, createdAt: string, startedAt: string | null, finishedAt: string | null, cursor: string, id: string, status: JobStatus, retryOf: { id: string } | null, settings: { model: string, imageUrl: string, seed: number | null, motionBucketId: number, condAug: number, fps: number }, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null } }
    | { __typename: 'JobNotFoundError', code: UserErrorCode, message: string }
    | { __typename: 'JobStateError', code: UserErrorCode, message: string, job: { id: string, status: JobStatus } }
    | { __typename: 'LimitExceededError', retryAt: string | null, code: UserErrorCode, message: string }
   };

export type UploadImageMutationVariables = Exact<{
  file: Blob;
}>;


export type UploadImageMutation = { uploadImage:
    | { __typename: 'InvalidInputError', code: UserErrorCode, message: string, issues: Array<{ path: Array<string>, code: string, message: string }> }
    | { __typename: 'LimitExceededError', retryAt: string | null, code: UserErrorCode, message: string }
    | { __typename: 'UploadImageSuccess', url: string, contentType: string, fileSize: number }
   };

export type WatchJobSubscriptionVariables = Exact<{
  id: string;
  after?: string | null | undefined;
}>;


export type WatchJobSubscription = { jobProgress: { cursor: string, sequence: number, at: string, status: JobStatus, queuePosition: number | null, progress: number | null, missed: number, job: { createdAt: string, startedAt: string | null, finishedAt: string | null, id: string, status: JobStatus, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null }, logs: Array<{ at: string | null, level: LogLevel, message: string }> } };

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
export const CancelJobDocument = new TypedDocumentString(`
    mutation CancelJob($id: ID!) {
  cancelJob(id: $id) {
    __typename
    ... on CancelJobSuccess {
      job {
        ...JobSummary
      }
    }
    ... on JobStateError {
      job {
        id
        status
      }
    }
    ... on UserError {
      code
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
}`) as unknown as TypedDocumentString<CancelJobMutation, CancelJobMutationVariables>;
export const WatchFeedDocument = new TypedDocumentString(`
    subscription WatchFeed {
  jobFeed {
    ...UpdateDetails
    job {
      ...JobSummary
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
}
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
}`) as unknown as TypedDocumentString<WatchFeedSubscription, WatchFeedSubscriptionVariables>;
export const GenerateVideoDocument = new TypedDocumentString(`
    mutation GenerateVideo($input: GenerateVideoInput!) {
  generateVideo(input: $input) {
    __typename
    ... on GenerateVideoSuccess {
      job {
        ...JobSummary
      }
      replayed
    }
    ... on InvalidInputError {
      issues {
        path
        code
        message
      }
    }
    ... on IdempotencyConflictError {
      job {
        id
      }
    }
    ... on LimitExceededError {
      retryAt
    }
    ... on UserError {
      code
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
}`) as unknown as TypedDocumentString<GenerateVideoMutation, GenerateVideoMutationVariables>;
export const GetJobDocument = new TypedDocumentString(`
    query GetJob($id: ID!) {
  job(id: $id) {
    ...JobSummary
    retryOf {
      id
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
}`) as unknown as TypedDocumentString<GetJobQuery, GetJobQueryVariables>;
export const ListJobUpdatesDocument = new TypedDocumentString(`
    query ListJobUpdates($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
  job(id: $id) {
    updates(first: $first, after: $after, last: $last, before: $before) {
      edges {
        cursor
        node {
          ...UpdateDetails
        }
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        startCursor
        endCursor
      }
    }
  }
}
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
}`) as unknown as TypedDocumentString<ListJobUpdatesQuery, ListJobUpdatesQueryVariables>;
export const ListJobsDocument = new TypedDocumentString(`
    query ListJobs($first: Int, $after: String, $last: Int, $before: String, $filter: JobFilter) {
  jobs(
    first: $first
    after: $after
    last: $last
    before: $before
    filter: $filter
  ) {
    edges {
      cursor
      node {
        ...JobSummary
      }
    }
    pageInfo {
      hasNextPage
      hasPreviousPage
      startCursor
      endCursor
    }
    totalCount
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
}`) as unknown as TypedDocumentString<ListJobsQuery, ListJobsQueryVariables>;
export const GetProviderDocument = new TypedDocumentString(`
    query GetProvider {
  provider {
    state
    reason
    since
  }
}
    `) as unknown as TypedDocumentString<GetProviderQuery, GetProviderQueryVariables>;
export const RetryJobDocument = new TypedDocumentString(`
    mutation RetryJob($id: ID!, $idempotencyKey: String) {
  retryJob(id: $id, idempotencyKey: $idempotencyKey) {
    __typename
    ... on GenerateVideoSuccess {
      job {
        ...JobSummary
        retryOf {
          id
        }
      }
      replayed
    }
    ... on JobStateError {
      job {
        id
        status
      }
    }
    ... on LimitExceededError {
      retryAt
    }
    ... on UserError {
      code
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
}`) as unknown as TypedDocumentString<RetryJobMutation, RetryJobMutationVariables>;
export const UploadImageDocument = new TypedDocumentString(`
    mutation UploadImage($file: File!) {
  uploadImage(file: $file) {
    __typename
    ... on UploadImageSuccess {
      url
      contentType
      fileSize
    }
    ... on InvalidInputError {
      issues {
        path
        code
        message
      }
    }
    ... on LimitExceededError {
      retryAt
    }
    ... on UserError {
      code
      message
    }
  }
}
    `) as unknown as TypedDocumentString<UploadImageMutation, UploadImageMutationVariables>;
export const WatchJobDocument = new TypedDocumentString(`
    subscription WatchJob($id: ID!, $after: String) {
  jobProgress(id: $id, after: $after) {
    ...UpdateDetails
    job {
      ...JobOutcome
      createdAt
      startedAt
      finishedAt
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
}`) as unknown as TypedDocumentString<WatchJobSubscription, WatchJobSubscriptionVariables>;