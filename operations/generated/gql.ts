/* eslint-disable */
import * as types from './graphql.ts';



/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "mutation CancelJob($id: ID!) {\n  cancelJob(id: $id) {\n    __typename\n    ... on CancelJobSuccess {\n      job {\n        ...JobSummary\n      }\n    }\n    ... on JobStateError {\n      job {\n        id\n        status\n      }\n    }\n    ... on UserError {\n      code\n      message\n    }\n  }\n}": typeof types.CancelJobDocument,
    "subscription WatchFeed {\n  jobFeed {\n    ...UpdateDetails\n    job {\n      ...JobSummary\n    }\n  }\n}": typeof types.WatchFeedDocument,
    "fragment JobOutcome on Job {\n  id\n  status\n  video {\n    id\n    url\n    contentType\n    fileName\n    fileSize\n    seed\n  }\n  failure {\n    code\n    message\n    retryable\n    providerCode\n    issues {\n      path\n      code\n      message\n    }\n  }\n}\n\nfragment JobSummary on Job {\n  ...JobOutcome\n  settings {\n    model\n    imageUrl\n    seed\n    motionBucketId\n    condAug\n    fps\n  }\n  queuePosition\n  createdAt\n  startedAt\n  finishedAt\n  cursor\n}\n\nfragment UpdateDetails on JobUpdate {\n  cursor\n  sequence\n  at\n  status\n  queuePosition\n  logs {\n    at\n    level\n    message\n  }\n  progress\n  missed\n}": typeof types.JobOutcomeFragmentDoc,
    "mutation GenerateVideo($input: GenerateVideoInput!) {\n  generateVideo(input: $input) {\n    __typename\n    ... on GenerateVideoSuccess {\n      job {\n        ...JobSummary\n      }\n      replayed\n    }\n    ... on InvalidInputError {\n      issues {\n        path\n        code\n        message\n      }\n    }\n    ... on IdempotencyConflictError {\n      job {\n        id\n      }\n    }\n    ... on LimitExceededError {\n      retryAt\n    }\n    ... on UserError {\n      code\n      message\n    }\n  }\n}": typeof types.GenerateVideoDocument,
    "query GetJob($id: ID!) {\n  job(id: $id) {\n    ...JobSummary\n    retryOf {\n      id\n    }\n  }\n}\n\nquery ListJobUpdates($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {\n  job(id: $id) {\n    updates(first: $first, after: $after, last: $last, before: $before) {\n      edges {\n        cursor\n        node {\n          ...UpdateDetails\n        }\n      }\n      pageInfo {\n        hasNextPage\n        hasPreviousPage\n        startCursor\n        endCursor\n      }\n    }\n  }\n}": typeof types.GetJobDocument,
    "query ListJobs($first: Int, $after: String, $last: Int, $before: String, $filter: JobFilter) {\n  jobs(\n    first: $first\n    after: $after\n    last: $last\n    before: $before\n    filter: $filter\n  ) {\n    edges {\n      cursor\n      node {\n        ...JobSummary\n      }\n    }\n    pageInfo {\n      hasNextPage\n      hasPreviousPage\n      startCursor\n      endCursor\n    }\n    totalCount\n  }\n}\n\nquery ListRecentJobs($first: Int, $after: String, $filter: JobFilter) {\n  jobs(first: $first, after: $after, filter: $filter) {\n    edges {\n      node {\n        ...JobSummary\n      }\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}": typeof types.ListJobsDocument,
    "query GetProvider {\n  provider {\n    state\n    reason\n    since\n  }\n}": typeof types.GetProviderDocument,
    "mutation RetryJob($id: ID!, $idempotencyKey: String) {\n  retryJob(id: $id, idempotencyKey: $idempotencyKey) {\n    __typename\n    ... on GenerateVideoSuccess {\n      job {\n        ...JobSummary\n        retryOf {\n          id\n        }\n      }\n      replayed\n    }\n    ... on JobStateError {\n      job {\n        id\n        status\n      }\n    }\n    ... on LimitExceededError {\n      retryAt\n    }\n    ... on UserError {\n      code\n      message\n    }\n  }\n}": typeof types.RetryJobDocument,
    "mutation UploadImage($file: File!) {\n  uploadImage(file: $file) {\n    __typename\n    ... on UploadImageSuccess {\n      url\n      contentType\n      fileSize\n    }\n    ... on InvalidInputError {\n      issues {\n        path\n        code\n        message\n      }\n    }\n    ... on LimitExceededError {\n      retryAt\n    }\n    ... on UserError {\n      code\n      message\n    }\n  }\n}": typeof types.UploadImageDocument,
    "subscription WatchJob($id: ID!, $after: String) {\n  jobProgress(id: $id, after: $after) {\n    ...UpdateDetails\n    job {\n      ...JobOutcome\n      createdAt\n      startedAt\n      finishedAt\n    }\n  }\n}": typeof types.WatchJobDocument,
};
const documents: Documents = {
    "mutation CancelJob($id: ID!) {\n  cancelJob(id: $id) {\n    __typename\n    ... on CancelJobSuccess {\n      job {\n        ...JobSummary\n      }\n    }\n    ... on JobStateError {\n      job {\n        id\n        status\n      }\n    }\n    ... on UserError {\n      code\n      message\n    }\n  }\n}": types.CancelJobDocument,
    "subscription WatchFeed {\n  jobFeed {\n    ...UpdateDetails\n    job {\n      ...JobSummary\n    }\n  }\n}": types.WatchFeedDocument,
    "fragment JobOutcome on Job {\n  id\n  status\n  video {\n    id\n    url\n    contentType\n    fileName\n    fileSize\n    seed\n  }\n  failure {\n    code\n    message\n    retryable\n    providerCode\n    issues {\n      path\n      code\n      message\n    }\n  }\n}\n\nfragment JobSummary on Job {\n  ...JobOutcome\n  settings {\n    model\n    imageUrl\n    seed\n    motionBucketId\n    condAug\n    fps\n  }\n  queuePosition\n  createdAt\n  startedAt\n  finishedAt\n  cursor\n}\n\nfragment UpdateDetails on JobUpdate {\n  cursor\n  sequence\n  at\n  status\n  queuePosition\n  logs {\n    at\n    level\n    message\n  }\n  progress\n  missed\n}": types.JobOutcomeFragmentDoc,
    "mutation GenerateVideo($input: GenerateVideoInput!) {\n  generateVideo(input: $input) {\n    __typename\n    ... on GenerateVideoSuccess {\n      job {\n        ...JobSummary\n      }\n      replayed\n    }\n    ... on InvalidInputError {\n      issues {\n        path\n        code\n        message\n      }\n    }\n    ... on IdempotencyConflictError {\n      job {\n        id\n      }\n    }\n    ... on LimitExceededError {\n      retryAt\n    }\n    ... on UserError {\n      code\n      message\n    }\n  }\n}": types.GenerateVideoDocument,
    "query GetJob($id: ID!) {\n  job(id: $id) {\n    ...JobSummary\n    retryOf {\n      id\n    }\n  }\n}\n\nquery ListJobUpdates($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {\n  job(id: $id) {\n    updates(first: $first, after: $after, last: $last, before: $before) {\n      edges {\n        cursor\n        node {\n          ...UpdateDetails\n        }\n      }\n      pageInfo {\n        hasNextPage\n        hasPreviousPage\n        startCursor\n        endCursor\n      }\n    }\n  }\n}": types.GetJobDocument,
    "query ListJobs($first: Int, $after: String, $last: Int, $before: String, $filter: JobFilter) {\n  jobs(\n    first: $first\n    after: $after\n    last: $last\n    before: $before\n    filter: $filter\n  ) {\n    edges {\n      cursor\n      node {\n        ...JobSummary\n      }\n    }\n    pageInfo {\n      hasNextPage\n      hasPreviousPage\n      startCursor\n      endCursor\n    }\n    totalCount\n  }\n}\n\nquery ListRecentJobs($first: Int, $after: String, $filter: JobFilter) {\n  jobs(first: $first, after: $after, filter: $filter) {\n    edges {\n      node {\n        ...JobSummary\n      }\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}": types.ListJobsDocument,
    "query GetProvider {\n  provider {\n    state\n    reason\n    since\n  }\n}": types.GetProviderDocument,
    "mutation RetryJob($id: ID!, $idempotencyKey: String) {\n  retryJob(id: $id, idempotencyKey: $idempotencyKey) {\n    __typename\n    ... on GenerateVideoSuccess {\n      job {\n        ...JobSummary\n        retryOf {\n          id\n        }\n      }\n      replayed\n    }\n    ... on JobStateError {\n      job {\n        id\n        status\n      }\n    }\n    ... on LimitExceededError {\n      retryAt\n    }\n    ... on UserError {\n      code\n      message\n    }\n  }\n}": types.RetryJobDocument,
    "mutation UploadImage($file: File!) {\n  uploadImage(file: $file) {\n    __typename\n    ... on UploadImageSuccess {\n      url\n      contentType\n      fileSize\n    }\n    ... on InvalidInputError {\n      issues {\n        path\n        code\n        message\n      }\n    }\n    ... on LimitExceededError {\n      retryAt\n    }\n    ... on UserError {\n      code\n      message\n    }\n  }\n}": types.UploadImageDocument,
    "subscription WatchJob($id: ID!, $after: String) {\n  jobProgress(id: $id, after: $after) {\n    ...UpdateDetails\n    job {\n      ...JobOutcome\n      createdAt\n      startedAt\n      finishedAt\n    }\n  }\n}": types.WatchJobDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation CancelJob($id: ID!) {\n  cancelJob(id: $id) {\n    __typename\n    ... on CancelJobSuccess {\n      job {\n        ...JobSummary\n      }\n    }\n    ... on JobStateError {\n      job {\n        id\n        status\n      }\n    }\n    ... on UserError {\n      code\n      message\n    }\n  }\n}"): typeof import('./graphql.ts').CancelJobDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "subscription WatchFeed {\n  jobFeed {\n    ...UpdateDetails\n    job {\n      ...JobSummary\n    }\n  }\n}"): typeof import('./graphql.ts').WatchFeedDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "fragment JobOutcome on Job {\n  id\n  status\n  video {\n    id\n    url\n    contentType\n    fileName\n    fileSize\n    seed\n  }\n  failure {\n    code\n    message\n    retryable\n    providerCode\n    issues {\n      path\n      code\n      message\n    }\n  }\n}\n\nfragment JobSummary on Job {\n  ...JobOutcome\n  settings {\n    model\n    imageUrl\n    seed\n    motionBucketId\n    condAug\n    fps\n  }\n  queuePosition\n  createdAt\n  startedAt\n  finishedAt\n  cursor\n}\n\nfragment UpdateDetails on JobUpdate {\n  cursor\n  sequence\n  at\n  status\n  queuePosition\n  logs {\n    at\n    level\n    message\n  }\n  progress\n  missed\n}"): typeof import('./graphql.ts').JobOutcomeFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation GenerateVideo($input: GenerateVideoInput!) {\n  generateVideo(input: $input) {\n    __typename\n    ... on GenerateVideoSuccess {\n      job {\n        ...JobSummary\n      }\n      replayed\n    }\n    ... on InvalidInputError {\n      issues {\n        path\n        code\n        message\n      }\n    }\n    ... on IdempotencyConflictError {\n      job {\n        id\n      }\n    }\n    ... on LimitExceededError {\n      retryAt\n    }\n    ... on UserError {\n      code\n      message\n    }\n  }\n}"): typeof import('./graphql.ts').GenerateVideoDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query GetJob($id: ID!) {\n  job(id: $id) {\n    ...JobSummary\n    retryOf {\n      id\n    }\n  }\n}\n\nquery ListJobUpdates($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {\n  job(id: $id) {\n    updates(first: $first, after: $after, last: $last, before: $before) {\n      edges {\n        cursor\n        node {\n          ...UpdateDetails\n        }\n      }\n      pageInfo {\n        hasNextPage\n        hasPreviousPage\n        startCursor\n        endCursor\n      }\n    }\n  }\n}"): typeof import('./graphql.ts').GetJobDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query ListJobs($first: Int, $after: String, $last: Int, $before: String, $filter: JobFilter) {\n  jobs(\n    first: $first\n    after: $after\n    last: $last\n    before: $before\n    filter: $filter\n  ) {\n    edges {\n      cursor\n      node {\n        ...JobSummary\n      }\n    }\n    pageInfo {\n      hasNextPage\n      hasPreviousPage\n      startCursor\n      endCursor\n    }\n    totalCount\n  }\n}\n\nquery ListRecentJobs($first: Int, $after: String, $filter: JobFilter) {\n  jobs(first: $first, after: $after, filter: $filter) {\n    edges {\n      node {\n        ...JobSummary\n      }\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}"): typeof import('./graphql.ts').ListJobsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query GetProvider {\n  provider {\n    state\n    reason\n    since\n  }\n}"): typeof import('./graphql.ts').GetProviderDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RetryJob($id: ID!, $idempotencyKey: String) {\n  retryJob(id: $id, idempotencyKey: $idempotencyKey) {\n    __typename\n    ... on GenerateVideoSuccess {\n      job {\n        ...JobSummary\n        retryOf {\n          id\n        }\n      }\n      replayed\n    }\n    ... on JobStateError {\n      job {\n        id\n        status\n      }\n    }\n    ... on LimitExceededError {\n      retryAt\n    }\n    ... on UserError {\n      code\n      message\n    }\n  }\n}"): typeof import('./graphql.ts').RetryJobDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation UploadImage($file: File!) {\n  uploadImage(file: $file) {\n    __typename\n    ... on UploadImageSuccess {\n      url\n      contentType\n      fileSize\n    }\n    ... on InvalidInputError {\n      issues {\n        path\n        code\n        message\n      }\n    }\n    ... on LimitExceededError {\n      retryAt\n    }\n    ... on UserError {\n      code\n      message\n    }\n  }\n}"): typeof import('./graphql.ts').UploadImageDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "subscription WatchJob($id: ID!, $after: String) {\n  jobProgress(id: $id, after: $after) {\n    ...UpdateDetails\n    job {\n      ...JobOutcome\n      createdAt\n      startedAt\n      finishedAt\n    }\n  }\n}"): typeof import('./graphql.ts').WatchJobDocument;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
