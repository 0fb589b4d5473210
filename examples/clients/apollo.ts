import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { OperationTypeNode } from 'graphql'
import possibleTypes from '../../possible-types.json' with { type: 'json' }
import { createResumingSocket } from './resuming-socket.ts'

const { REELAY_URL = 'http://127.0.0.1:4000' } = process.env
const socket = createResumingSocket(`${REELAY_URL.replace(/^http/, 'ws')}/graphql`)
const client = new ApolloClient({
  // The members of each interface: without them the cache drops the fields of `... on UserError`.
  cache: new InMemoryCache(possibleTypes),
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri: `${REELAY_URL}/graphql` }),
  ),
})

interface Generated {
  generateVideo: { job?: { id: string; cursor: string }; message?: string }
}
const GENERATE = gql`mutation ($input: GenerateVideoInput!) {
  generateVideo(input: $input) {
    ... on GenerateVideoSuccess { job { id cursor } }
    ... on UserError { code message }
  }
}`
interface Watched {
  jobProgress: {
    sequence: number
    cursor: string
    status: string
    job: { id: string; video: { url: string } | null; failure: { message: string } | null }
  }
}
const WATCH = gql`subscription ($id: ID!, $after: String) {
  jobProgress(id: $id, after: $after) { sequence cursor status progress job { id video { url } failure { message } } }
}`

const [imageUrl = 'https://example.com/rocket.png'] = process.argv.slice(2)
const input = { imageUrl, idempotencyKey: crypto.randomUUID() }
const { data } = await client.mutate<Generated>({ mutation: GENERATE, variables: { input } })
const { job, message } = data?.generateVideo ?? {}
if (!job) throw new Error(message)

client.subscribe<Watched>({ query: WATCH, variables: { id: job.id, after: job.cursor } }).subscribe({
  next: ({ data, error }) => {
    if (error) console.error(error.message)
    if (!data) return
    const { sequence, status, job } = data.jobProgress
    console.log(sequence, status, job.video?.url ?? job.failure?.message ?? '')
  },
  error: (error: Error) => console.error(error.message),
  // The server completes the subscription after the job's last update.
  complete: () => client.stop(),
})
