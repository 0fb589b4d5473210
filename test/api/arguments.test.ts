import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CancelJobDocument,
  GetJobDocument,
  ListJobsDocument,
  ListJobUpdatesDocument,
  RetryJobDocument,
  WatchJobDocument,
} from '../../operations/generated/graphql.ts'
import { request, subscribe, subscribeOverSse } from '../helpers/graphql-client.ts'
import { openRig, type Rig } from './rig.ts'

const encode = (text: string) => Buffer.from(text).toString('base64url')
const UNKNOWN_JOB = encode('Job:01890000-0000-7000-8000-000000000000')
const UNKNOWN_VIDEO = encode('Video:01890000-0000-7000-8000-000000000000')

/** Texts that are no id of a job, each for another reason. */
const NO_JOB_IDS = [
  ['of a job that is not there', UNKNOWN_JOB],
  ['of a video', UNKNOWN_VIDEO],
  ['of another type', encode('JobImage:01890000-0000-7000-8000-000000000000')],
  ['with a number', encode('Job:1')],
  ['with padding', `${UNKNOWN_JOB}=`],
  ['in plain text', '01890000-0000-7000-8000-000000000000'],
  ['with an injection', encode("Job:01890000-0000-7000-8000-000000000000' OR '1'='1")],
  ['empty', ''],
  ['a NUL character', '\0'],
  ['a lone surrogate', '\udfff'],
  // As long as a subscription over server-sent events takes.
  ['long', 'a'.repeat(30_000)],
] as const

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable' })
})

afterAll(async () => {
  await rig.close()
})

describe.each(NO_JOB_IDS)('an id %s', (_name, id) => {
  test('is no job to read: null, and a JOB_NOT_FOUND error', async () => {
    const { status, data, errors } = await request(rig.url, GetJobDocument, { id })
    expect({ status, data, errors }).toMatchObject({
      status: 200,
      data: { job: null },
      errors: [{ path: ['job'], extensions: { code: 'JOB_NOT_FOUND' } }],
    })
  })

  test('is no job to cancel, and none to retry', async () => {
    const notFound = { __typename: 'JobNotFoundError', code: 'JOB_NOT_FOUND' }
    const [canceled, retried] = await Promise.all([
      request(rig.url, CancelJobDocument, { id }),
      request(rig.url, RetryJobDocument, { id }),
    ])
    expect([canceled, retried]).toMatchObject([{ data: { cancelJob: notFound } }, { data: { retryJob: notFound } }])
  })

  test.each([
    ['a WebSocket', subscribe],
    ['server-sent events', subscribeOverSse],
  ])('is no job to watch over %s: one JOB_NOT_FOUND error, then the end', async (_over, over) => {
    const results = []
    for await (const result of over(rig.url, WatchJobDocument, { id })) results.push(result)
    expect(results).toMatchObject([{ errors: [{ extensions: { code: 'JOB_NOT_FOUND' } }] }])
  })
})

describe('node and nodes', () => {
  const NODE = 'query Node($id: ID!) { node(id: $id) { id } }'
  const NODES = 'query Nodes($ids: [ID!]!) { nodes(ids: $ids) { id } }'

  test.each([UNKNOWN_JOB, UNKNOWN_VIDEO])('what is not there (%s) is null without an error', async (id) => {
    const [one, many] = [await request(rig.url, NODE, { id }), await request(rig.url, NODES, { ids: [id, id] })]
    expect([one, many]).toMatchObject([
      { status: 200, data: { node: null }, errors: [] },
      { status: 200, data: { nodes: [null, null] }, errors: [] },
    ])
  })

  test.each(NO_JOB_IDS.filter(([, id]) => id !== UNKNOWN_JOB && id !== UNKNOWN_VIDEO))(
    'an id %s is refused',
    async (_name, id) => {
      const { status, data, errors } = await request(rig.url, NODE, { id })
      expect({ status, data, errors }).toMatchObject({
        status: 200,
        data: { node: null },
        errors: [{ path: ['node'], extensions: { code: 'BAD_USER_INPUT' } }],
      })
    },
  )

  test('of many ids, those that are not there are null in their places', async () => {
    const { id } = await rig.generate()
    const { data, errors } = await request(rig.url, NODES, { ids: [id, UNKNOWN_JOB, id] })
    expect({ data, errors }).toEqual({ data: { nodes: [{ id }, null, { id }] }, errors: [] })
  })

  test('a malformed id among many refuses the call', async () => {
    const { id } = await rig.generate()
    const { status, data, errors } = await request(rig.url, NODES, { ids: [id, 'nonsense'] })
    expect({ status, data }).toEqual({ status: 200, data: null })
    expect(errors).toMatchObject([{ path: ['nodes'], extensions: { code: 'BAD_USER_INPUT' } }])
  })

  test('100 ids are answered, 101 are refused', async () => {
    const { id } = await rig.generate()
    const ask = (count: number) => request(rig.url, NODES, { ids: Array.from({ length: count }, () => id) })
    expect((await ask(100)).errors).toEqual([])
    expect((await ask(101)).errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
  })
})

describe('pages', () => {
  const BAD_COUNTS = [{ first: 0 }, { first: -1 }, { first: 101 }, { last: 0 }, { last: -1 }, { last: 101 }]

  test.each([...BAD_COUNTS, { first: 1, last: 1 }])('%o is no page, of jobs or of updates', async (page) => {
    const { id } = await rig.generate()
    const argument = 'last' in page ? 'last' : 'first'
    const [jobs, updates] = [
      await request(rig.url, ListJobsDocument, page),
      await request(rig.url, ListJobUpdatesDocument, { id, ...page }),
    ]
    for (const { status, errors } of [jobs, updates]) {
      expect(status).toBe(200)
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', argument } }])
    }
  })

  test.each(['first', 'last'])('2^31 as %s is a GraphQL error of the caller', async (name) => {
    const { status, errors } = await request(rig.url, String(ListJobsDocument), { [name]: 2 ** 31 })
    expect(status).toBeLessThan(500)
    expect(errors).toHaveLength(1)
  })

  test.each([{ first: 1 }, { first: 100 }, { last: 1 }, { last: 100 }])('%o is a page', async (page) => {
    expect((await request(rig.url, ListJobsDocument, page)).errors).toEqual([])
  })
})

describe.each(['after', 'before'] as const)('the cursor %s', (name) => {
  const BAD_CURSORS = ['', 'nonsense', '\0', '\ud800', UNKNOWN_VIDEO, encode('x:1')]

  test.each(BAD_CURSORS)('%o is refused by the list of jobs', async (cursor) => {
    const { errors } = await request(rig.url, ListJobsDocument, { [name]: cursor })
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', argument: name } }])
  })

  test.each([...BAD_CURSORS, UNKNOWN_JOB])('%o is refused by the list of updates', async (cursor) => {
    const { id } = await rig.generate()
    const { errors } = await request(rig.url, ListJobUpdatesDocument, { id, [name]: cursor })
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', argument: name } }])
  })

  test('of another job is refused by the list of updates, and by the list of jobs', async () => {
    const [job, other] = [await rig.generate(), await rig.generate()]
    const refused = [{ extensions: { code: 'BAD_USER_INPUT', argument: name } }]
    const updates = await request(rig.url, ListJobUpdatesDocument, { id: job.id, [name]: other.cursor })
    expect(updates.errors).toMatchObject(refused)
    expect((await request(rig.url, ListJobsDocument, { [name]: job.cursor })).errors).toMatchObject(refused)
  })
})

test.each([
  '',
  'yesterday',
  '2026-01-01',
  '2026-13-01T00:00:00Z',
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59-01:00',
  '9999-12-31T23:59:59Z',
  0,
  true,
])(
  'jobs(filter: { createdAfter: %o }) is answered or refused, without an error of the server',
  async (createdAfter) => {
    const { status, errors } = await request(rig.url, String(ListJobsDocument), { filter: { createdAfter } })
    expect(status).toBeLessThan(500)
    for (const { extensions } of errors) expect(extensions?.code).not.toBe('INTERNAL_SERVER_ERROR')
  },
)

test.each(['', 'k'.repeat(256), 'a\0b', 'a\ud800b'])('retryJob refuses the key %o', async (idempotencyKey) => {
  const { id } = await rig.generate()
  const { status, errors } = await request(rig.url, RetryJobDocument, { id, idempotencyKey })
  expect(status).toBe(200)
  expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', argument: 'idempotencyKey' } }])
})
