/**
 * GraphiQL's default tabs: one per task, in the order of use. Values are inline, since GraphiQL ignores the variables
 * of default tabs. Lines have at most 50 characters, the width of the editor on a laptop.
 */
export const GRAPHIQL_TABS = [
  {
    query: `# 1. Generate: press the play button.
#    The answer comes at once, the video later.
#    Copy the job's id for the next tab.
mutation Generate {
  generateVideo(
    input: {
      imageUrl: "https://example.com/rocket.png"
      # 1 to 255: more is more motion
      motionBucketId: 127
      fps: 25
      # same seed, same clip:
      # seed: 42
    }
  ) {
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
  },
  {
    query: `# 2. Watch: paste the job's id and press play.
#    Updates arrive as they happen, to the end.
#    After a break: after: "the last cursor".
subscription Watch {
  jobProgress(
    id: "paste the job's id here"
  ) {
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
  },
  {
    query: `# 3. List: your jobs, newest first.
#    The next page: after: "the endCursor".
query List {
  jobs(
    first: 10
    # filter: { status: [RUNNING, QUEUED] }
  ) {
    totalCount
    edges {
      node {
        id
        status
        createdAt
        settings {
          imageUrl seed motionBucketId condAug fps
        }
        video { url }
        failure { code message }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`,
  },
  {
    query: `# 4. Cancel: paste a running job's id, play.
#    Ended jobs cannot be canceled. In the
#    sandbox, this imageUrl takes a minute:
#    http://sandbox.test/slow.png
mutation Cancel {
  cancelJob(
    id: "paste the job's id here"
  ) {
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
  },
]
