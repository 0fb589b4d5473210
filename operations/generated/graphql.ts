/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** The settings of a new video. */
export type GenerateVideoInput = {
  /** The noise added to the first frame, from 0 to 10. More noise gives more motion and less likeness to the image. */
  condAug?: number;
  /** Frames per second, from 10 to 100. */
  fps?: number;
  /** A unique key of 1 to 255 characters, valid for 24 hours. The same key with the same input returns the same job; with a different input it returns an IdempotencyConflictError. */
  idempotencyKey?: string | null | undefined;
  /** The image to start from: an http(s) URL that fal can download, a data URI of a JPEG, PNG or WebP of at most 10 MiB, or the `url` that `uploadImage` returned. */
  imageUrl: string;
  /** The amount of motion, from 1 (almost still) to 255. */
  motionBucketId?: number;
  /** Use the seed of an earlier video to get the same clip. If omitted, fal chooses one. */
  seed?: number | null | undefined;
};

/** The kind of a failure. New codes may be added: fall back to `retryable`. */
export type JobFailureCode =
  /** The image violates fal's content policy. */
  | 'CONTENT_POLICY'
  /** fal rejected the settings. `issues` lists the fields. */
  | 'INPUT_REJECTED'
  /** fal could not download or read the image. */
  | 'INPUT_UNREACHABLE'
  /** This server failed. Its log contains the reason. */
  | 'INTERNAL'
  /** fal rejected this server's API key. */
  | 'PROVIDER_AUTH'
  /** fal failed during generation, or returned an invalid response. */
  | 'PROVIDER_ERROR'
  /** Generation exceeded the time limit of fal. */
  | 'PROVIDER_TIMEOUT'
  /** fal could not be reached, or had no machine available. */
  | 'PROVIDER_UNAVAILABLE'
  /** fal no longer has the result of the request. */
  | 'RESULT_EXPIRED'
  /** fal completed the request, but this server could not process the result. The result is stored: `retryJob` reads it again at no cost. */
  | 'RESULT_REFUSED'
  /** Reserved for storage failures. Videos are not copied from fal yet, so no job fails with this code. */
  | 'STORAGE_FAILED'
  /** fal did not confirm the request and may or may not have accepted it. It was not sent twice. */
  | 'SUBMIT_UNKNOWN';

/** Selects the jobs that meet every given condition. */
export type JobFilter = {
  /** Only jobs created after this instant. */
  createdAfter?: string | null | undefined;
  /** Only jobs created before this instant. */
  createdBefore?: string | null | undefined;
  /** Only jobs with one of these statuses. */
  status?: Array<JobStatus> | null | undefined;
};

/** The status of a job. It never moves backwards: see `Job.status`. */
export type JobStatus =
  /** Ended by cancellation, without a video. */
  | 'CANCELED'
  /** Cancellation was requested, and fal has not confirmed it. */
  | 'CANCELING'
  /** Ended without a video. `failure` gives the reason. */
  | 'FAILED'
  /** Saved on this server, not yet accepted by fal. */
  | 'PENDING'
  /** Waiting in fal's queue (fal: IN_QUEUE). */
  | 'QUEUED'
  /** fal is generating the video (fal: IN_PROGRESS). */
  | 'RUNNING'
  /** Reserved for copying the finished video. Videos are not copied from fal yet, so no job has this status. */
  | 'STORING'
  /** Ended with a video. */
  | 'SUCCEEDED';

/** The severity of a log line. */
export type LogLevel =
  /** Details for debugging. */
  | 'DEBUG'
  /** Something failed. */
  | 'ERROR'
  /** Informational. */
  | 'INFO'
  /** Something unexpected happened, and generation continued. */
  | 'WARN';

/** Whether fal accepts jobs. New states may be added. */
export type ProviderState =
  /** No problem is known. Jobs are submitted immediately. */
  | 'AVAILABLE'
  /** fal rejects this server's API key. Jobs wait until the operator sets a valid key or fixes the account. */
  | 'KEY_REFUSED'
  /** fal limits the number of requests. Jobs wait and are submitted as fal accepts them. */
  | 'RATE_LIMITED'
  /** fal is unreachable or fails. Jobs wait and are submitted once fal recovers. */
  | 'UNREACHABLE';

/** The kind of an error. New codes may be added: fall back to `message`. */
export type UserErrorCode =
  /** The idempotency key was used with a different input. Use another key. */
  | 'IDEMPOTENCY_CONFLICT'
  /** The input is invalid and must be corrected. */
  | 'INVALID_INPUT'
  /** The job does not exist or is not yours. */
  | 'JOB_NOT_FOUND'
  /** The status of the job does not allow this operation. */
  | 'JOB_STATE_CONFLICT'
  /** Reserved: a limit is reached, try again later. Callers have no limits yet. */
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

export type ListRecentJobsQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
  filter?: JobFilter | null | undefined;
}>;


export type ListRecentJobsQuery = { jobs: { edges: Array<{ node: { queuePosition: number | null, createdAt: string, startedAt: string | null, finishedAt: string | null, cursor: string, id: string, status: JobStatus, settings: { model: string, imageUrl: string, seed: number | null, motionBucketId: number, condAug: number, fps: number }, video: { id: string, url: string, contentType: string, fileName: string, fileSize: number | null, seed: number | null } | null, failure: { code: JobFailureCode, message: string, retryable: boolean, providerCode: string | null, issues: Array<{ path: Array<string>, code: string, message: string }> } | null } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

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
export const ListRecentJobsDocument = new TypedDocumentString(`
    query ListRecentJobs($first: Int, $after: String, $filter: JobFilter) {
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
}`) as unknown as TypedDocumentString<ListRecentJobsQuery, ListRecentJobsQueryVariables>;
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