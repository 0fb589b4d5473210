import { Client, type ExecutionResult, fetchExchange, gql, subscriptionExchange } from '@urql/core'
import { createResumingSocket } from './resuming-socket.ts'

const { REELAY_URL = 'http://127.0.0.1:4000' } = process.env
const socket = createResumingSocket(`${REELAY_URL.replace(/^http/, 'ws')}/graphql`)
const client = new Client({
  url: `${REELAY_URL}/graphql`,
  preferGetMethod: false,
  exchanges: [
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query = '', variables = {} }) => ({
        subscribe: ({ next, error, complete }) => ({
          unsubscribe: socket.subscribe(
            { query, variables },
            { next: (result) => next(result as ExecutionResult), error, complete },
          ),
        }),
      }),
    }),
  ],
})

const GENERATE = gql`mutation ($input: GenerateVideoInput!) {
  generateVideo(input: $input) {
    ... on GenerateVideoSuccess { job { id cursor } }
    ... on UserError { code message }
  }
}`
const WATCH = gql`subscription ($id: ID!, $after: String) {
  jobProgress(id: $id, after: $after) { sequence cursor status progress job { id video { url } failure { message } } }
}`

const [imageUrl = 'https://example.com/rocket.png'] = process.argv.slice(2)
const input = { imageUrl, idempotencyKey: crypto.randomUUID() }
const { data, error } = await client.mutation(GENERATE, { input }).toPromise()
const job = data?.generateVideo.job
if (!job) throw new Error(error?.message ?? data?.generateVideo.message)

// The server completes the subscription after the job's last update.
client.subscription(WATCH, { id: job.id, after: job.cursor }).subscribe(({ data, error, hasNext }) => {
  if (error) console.error(error.message)
  const update = data?.jobProgress
  // On completion urql repeats the last result.
  if (update && hasNext) {
    const { sequence, status, job } = update
    console.log(sequence, status, job.video?.url ?? job.failure?.message ?? '')
  }
})
