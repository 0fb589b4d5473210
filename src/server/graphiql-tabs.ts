/** What a newcomer finds in GraphiQL: one tab for each thing to do, in the order in which one does it. */
export const GRAPHIQL_TABS = [
  {
    query: `# 1. Generate: press the play button. The answer comes at once; the video takes a few seconds.
# Copy the job's id for the next tab.
mutation Generate($input: GenerateVideoInput!) {
  generateVideo(input: $input) {
    ... on GenerateVideoSuccess {
      job { id status cursor }
    }
    ... on InvalidInputError {
      issues { path message }
    }
    ... on UserError {
      code
      message
    }
  }
}
`,
    variables: JSON.stringify(
      { input: { imageUrl: 'https://example.com/rocket.png', motionBucketId: 127, fps: 25 } },
      null,
      2,
    ),
  },
  {
    query: `# 2. Watch: put the job's id below (Variables) and press play. Updates arrive as they happen, until the job has ended.
# To resume after a break, give the last cursor you saw as "after".
subscription Watch($id: ID!, $after: String) {
  jobProgress(id: $id, after: $after) {
    cursor
    status
    queuePosition
    progress
    logs { level message }
    job {
      video { url seed }
      failure { code message retryable }
    }
  }
}
`,
    variables: JSON.stringify({ id: 'paste the id of a job' }, null, 2),
  },
  {
    query: `# 3. List: your newest jobs. Page on with after: pageInfo.endCursor.
query List($after: String, $filter: JobFilter) {
  jobs(first: 10, after: $after, filter: $filter) {
    totalCount
    edges {
      node {
        id
        status
        createdAt
        settings { imageUrl seed motionBucketId condAug fps }
        video { url }
        failure { code message }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`,
    variables: JSON.stringify({ filter: { status: null } }, null, 2),
  },
  {
    query: `# 4. Cancel: put the id of a running job below. A job that fal had finished already ends SUCCEEDED all the same.
mutation Cancel($id: ID!) {
  cancelJob(id: $id) {
    ... on CancelJobSuccess {
      job { id status }
    }
    ... on UserError {
      code
      message
    }
  }
}
`,
    variables: JSON.stringify({ id: 'paste the id of a job' }, null, 2),
  },
]
