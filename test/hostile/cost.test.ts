import { complexityFromQuery } from '@pothos/plugin-complexity'
import { type DocumentNode, parse, separateOperations } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as operations from '../../operations/generated/graphql.ts'
import { type Database, openDatabase } from '../../src/adapters/postgres/client.ts'
import { encodeNodeId } from '../../src/resolvers/ids.ts'
import { LIMITS } from '../../src/schema/builder.ts'
import { schema } from '../../src/schema/index.ts'
import { GRAPHIQL_TABS } from '../../src/server/graphiql-tabs.ts'
import { IMAGE_DATA_URI, openRig, type Rig } from '../api/rig.ts'
import { request, subscribe } from '../helpers/graphql-client.ts'

let rig: Rig
let db: Database

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable' })
  db = openDatabase({ url: rig.databaseUrl, onError: () => {} })
})

afterAll(async () => {
  await db.$disconnect()
  await rig.close()
})

const aliases = (count: number, field: string) => Array.from({ length: count }, (_, n) => `a${n}: ${field}`).join(' ')
const page = (fields: string) => `{ jobs(first: 100) { edges { node { ${fields} } } } }`
const ids = Array.from({ length: 100 }, () => encodeNodeId('Job', crypto.randomUUID()))

describe('an operation that costs too much is refused', () => {
  test.each<[string, string]>([
    ['100 jobs, 30 times', `{ ${aliases(30, 'jobs(first: 100) { edges { node { id status } } }')} }`],
    ['long texts, 30 times for 100 jobs', page(`settings { ${aliases(30, 'imageUrl')} }`)],
    ['a chain of retries of 100 jobs', page(`${'retryOf { '.repeat(5)}id${' }'.repeat(5)}`)],
    ['the logs of 100 jobs', page('updates(first: 1) { edges { node { logs { message } } } }')],
    [
      'the log of a job, from 30 places',
      `{ jobs(first: 2) { edges { node { ${aliases(30, 'updates(last: 1) { edges { cursor } }')} } } } }`,
    ],
    ['500 nodes', `query ($ids: [ID!]!) { ${aliases(5, 'nodes(ids: $ids) { id }')} }`],
    [
      'six jobs',
      `mutation { ${aliases(6, 'generateVideo(input: { imageUrl: "https://example.com/a.png" }) { __typename }')} }`,
    ],
  ])('%s', async (_name, query) => {
    const { errors } = await request(rig.url, query, { ids })
    expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['QUERY_TOO_COMPLEX']))
    for (const { message } of errors) expect(message.length).toBeLessThan(300)
    expect(await db.job.count()).toBe(0)
  })

  test.each<[string, string]>([
    ['jobFeed', 'subscription { jobFeed { job { updates(first: 100) { edges { node { logs { message } } } } } } }'],
    ['jobFeed, of retries', `subscription { jobFeed { job { ${'retryOf { '.repeat(8)} id ${' }'.repeat(8)} } } }`],
    ['jobProgress', 'subscription ($id: ID!) { jobProgress(id: $id) { job { updates { edges { cursor } } } } }'],
  ])('a subscription that costs too much for each update: %s, before the first', async (_name, query) => {
    // Nothing happens to this job, so that jobFeed has no update: what comes is the refusal.
    const { id } = await rig.generate({ imageUrl: IMAGE_DATA_URI })
    const results = await Array.fromAsync(subscribe(rig.url, query, { id }))
    expect(
      results.map(({ data, errors }) => [data ?? null, errors?.map(({ extensions }) => extensions?.code)]),
    ).toEqual([[null, ['QUERY_TOO_COMPLEX']]])
  })

  test('logs that turn out to be very long, however few updates they stand in', async () => {
    const { id } = await rig.generate({ imageUrl: IMAGE_DATA_URI })
    const read = (fields: string, fragment = '') =>
      request(
        rig.url,
        `query ($id: ID!) { job(id: $id) { updates(first: 1) { edges { node { ${fields} } } } } } ${fragment}`,
        { id },
      )
    const logs = Array.from({ length: 1000 }, () => ({ at: null, level: 'INFO', message: 'x' }))
    await db.jobUpdate.updateMany({ data: { logs } })
    expect((await read(aliases(3, 'logs { at level message }'))).errors).toEqual([])
    const tooMuch = await Promise.all([
      read(aliases(4, 'logs { at level message }')),
      read(`logs { ${aliases(6, 'message')} } more: logs { ${aliases(5, 'message')} }`),
      read(
        'logs { ...Line } more: logs { ... on LogLine { ...Line } }',
        `fragment Line on LogLine { ${aliases(6, 'message')} }`,
      ),
    ])
    for (const { errors } of tooMuch)
      expect(errors.map(({ extensions }) => extensions.code)).toEqual(['QUERY_TOO_COMPLEX'])
  })
})

test('all operations of the clients, with pages of 100, cost at most three quarters of what they may', () => {
  const texts = Object.values(operations)
    .map(String)
    .filter((text) => /^\s*(query|mutation|subscription)\b/m.test(text))
  expect(texts.length).toBeGreaterThan(10)
  const documents: DocumentNode[] = [...texts, ...GRAPHIQL_TABS.map(({ query }) => query)].flatMap((text) =>
    Object.values(separateOperations(parse(text))),
  )
  const variables = { first: 100, id: 'x', input: { imageUrl: 'x' }, file: new Blob() }
  for (const document of documents) {
    const { complexity, depth, breadth } = complexityFromQuery(document, { schema, variables })
    expect(complexity).toBeLessThanOrEqual(LIMITS.complexity * 0.75)
    expect(depth).toBeLessThanOrEqual(LIMITS.depth * 0.75)
    expect(breadth).toBeLessThanOrEqual(LIMITS.breadth * 0.75)
  }
})
