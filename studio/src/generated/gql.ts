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
    "fragment JobOutcome on Job {\n  id\n  status\n  video {\n    id\n    url\n    contentType\n    fileName\n    fileSize\n    seed\n  }\n  failure {\n    code\n    message\n    retryable\n    providerCode\n    issues {\n      path\n      code\n      message\n    }\n  }\n}\n\nfragment JobSummary on Job {\n  ...JobOutcome\n  settings {\n    model\n    imageUrl\n    seed\n    motionBucketId\n    condAug\n    fps\n  }\n  queuePosition\n  createdAt\n  startedAt\n  finishedAt\n  cursor\n}\n\nfragment UpdateDetails on JobUpdate {\n  cursor\n  sequence\n  at\n  status\n  queuePosition\n  logs {\n    at\n    level\n    message\n  }\n  progress\n  missed\n}": typeof types.JobOutcomeFragmentDoc,
    "query StudioJobs($first: Int, $after: String, $filter: JobFilter) {\n  jobs(first: $first, after: $after, filter: $filter) {\n    edges {\n      node {\n        ...JobSummary\n      }\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}\n\nquery StudioJob($id: ID!) {\n  job(id: $id) {\n    ...JobSummary\n  }\n}\n\nmutation StudioGenerate($input: GenerateVideoInput!) {\n  generateVideo(input: $input) {\n    __typename\n    ... on GenerateVideoSuccess {\n      job {\n        ...JobSummary\n      }\n    }\n    ... on InvalidInputError {\n      issues {\n        path\n        message\n      }\n    }\n    ... on UserError {\n      message\n    }\n  }\n}\n\nmutation StudioCancel($id: ID!) {\n  cancelJob(id: $id) {\n    __typename\n    ... on CancelJobSuccess {\n      job {\n        ...JobSummary\n      }\n    }\n    ... on UserError {\n      message\n    }\n  }\n}\n\nmutation StudioRetry($id: ID!, $idempotencyKey: String) {\n  retryJob(id: $id, idempotencyKey: $idempotencyKey) {\n    __typename\n    ... on GenerateVideoSuccess {\n      job {\n        ...JobSummary\n      }\n    }\n    ... on UserError {\n      message\n    }\n  }\n}\n\nquery StudioProvider {\n  provider {\n    state\n    reason\n    since\n  }\n}": typeof types.StudioJobsDocument,
};
const documents: Documents = {
    "fragment JobOutcome on Job {\n  id\n  status\n  video {\n    id\n    url\n    contentType\n    fileName\n    fileSize\n    seed\n  }\n  failure {\n    code\n    message\n    retryable\n    providerCode\n    issues {\n      path\n      code\n      message\n    }\n  }\n}\n\nfragment JobSummary on Job {\n  ...JobOutcome\n  settings {\n    model\n    imageUrl\n    seed\n    motionBucketId\n    condAug\n    fps\n  }\n  queuePosition\n  createdAt\n  startedAt\n  finishedAt\n  cursor\n}\n\nfragment UpdateDetails on JobUpdate {\n  cursor\n  sequence\n  at\n  status\n  queuePosition\n  logs {\n    at\n    level\n    message\n  }\n  progress\n  missed\n}": types.JobOutcomeFragmentDoc,
    "query StudioJobs($first: Int, $after: String, $filter: JobFilter) {\n  jobs(first: $first, after: $after, filter: $filter) {\n    edges {\n      node {\n        ...JobSummary\n      }\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}\n\nquery StudioJob($id: ID!) {\n  job(id: $id) {\n    ...JobSummary\n  }\n}\n\nmutation StudioGenerate($input: GenerateVideoInput!) {\n  generateVideo(input: $input) {\n    __typename\n    ... on GenerateVideoSuccess {\n      job {\n        ...JobSummary\n      }\n    }\n    ... on InvalidInputError {\n      issues {\n        path\n        message\n      }\n    }\n    ... on UserError {\n      message\n    }\n  }\n}\n\nmutation StudioCancel($id: ID!) {\n  cancelJob(id: $id) {\n    __typename\n    ... on CancelJobSuccess {\n      job {\n        ...JobSummary\n      }\n    }\n    ... on UserError {\n      message\n    }\n  }\n}\n\nmutation StudioRetry($id: ID!, $idempotencyKey: String) {\n  retryJob(id: $id, idempotencyKey: $idempotencyKey) {\n    __typename\n    ... on GenerateVideoSuccess {\n      job {\n        ...JobSummary\n      }\n    }\n    ... on UserError {\n      message\n    }\n  }\n}\n\nquery StudioProvider {\n  provider {\n    state\n    reason\n    since\n  }\n}": types.StudioJobsDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "fragment JobOutcome on Job {\n  id\n  status\n  video {\n    id\n    url\n    contentType\n    fileName\n    fileSize\n    seed\n  }\n  failure {\n    code\n    message\n    retryable\n    providerCode\n    issues {\n      path\n      code\n      message\n    }\n  }\n}\n\nfragment JobSummary on Job {\n  ...JobOutcome\n  settings {\n    model\n    imageUrl\n    seed\n    motionBucketId\n    condAug\n    fps\n  }\n  queuePosition\n  createdAt\n  startedAt\n  finishedAt\n  cursor\n}\n\nfragment UpdateDetails on JobUpdate {\n  cursor\n  sequence\n  at\n  status\n  queuePosition\n  logs {\n    at\n    level\n    message\n  }\n  progress\n  missed\n}"): typeof import('./graphql.ts').JobOutcomeFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query StudioJobs($first: Int, $after: String, $filter: JobFilter) {\n  jobs(first: $first, after: $after, filter: $filter) {\n    edges {\n      node {\n        ...JobSummary\n      }\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}\n\nquery StudioJob($id: ID!) {\n  job(id: $id) {\n    ...JobSummary\n  }\n}\n\nmutation StudioGenerate($input: GenerateVideoInput!) {\n  generateVideo(input: $input) {\n    __typename\n    ... on GenerateVideoSuccess {\n      job {\n        ...JobSummary\n      }\n    }\n    ... on InvalidInputError {\n      issues {\n        path\n        message\n      }\n    }\n    ... on UserError {\n      message\n    }\n  }\n}\n\nmutation StudioCancel($id: ID!) {\n  cancelJob(id: $id) {\n    __typename\n    ... on CancelJobSuccess {\n      job {\n        ...JobSummary\n      }\n    }\n    ... on UserError {\n      message\n    }\n  }\n}\n\nmutation StudioRetry($id: ID!, $idempotencyKey: String) {\n  retryJob(id: $id, idempotencyKey: $idempotencyKey) {\n    __typename\n    ... on GenerateVideoSuccess {\n      job {\n        ...JobSummary\n      }\n    }\n    ... on UserError {\n      message\n    }\n  }\n}\n\nquery StudioProvider {\n  provider {\n    state\n    reason\n    since\n  }\n}"): typeof import('./graphql.ts').StudioJobsDocument;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
