import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type JobFilter, ListJobsDocument, ListJobUpdatesDocument } from '../../operations/generated/graphql.ts'
import { type Database, openDatabase } from '../../src/adapters/postgres/client.ts'
import type { JobStatus } from '../../src/generated/prisma/enums.ts'
import { encodeNodeId } from '../../src/resolvers/ids.ts'
import { request } from '../helpers/graphql-client.ts'
import { openRig, type Rig } from './rig.ts'

const COUNT = 25
const START = Date.UTC(2026, 0, 1)
const MINUTE_MS = 60_000
const STATUSES: JobStatus[] = ['SUCCEEDED', 'FAILED', 'CANCELED', 'QUEUED', 'RUNNING']

let rig: Rig
let db: Database
/** Ids as clients see them, newest first: job 24, made in minute 24, down to job 0. */
const ids: string[] = []

const uuid = (kind: number, index: number) => `0194${kind}000-0000-7000-8000-${String(index).padStart(12, '0')}`
const minute = (index: number) => new Date(START + index * MINUTE_MS)

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable' })
  db = openDatabase({
    url: rig.databaseUrl,
    onError: (error) => {
      throw error
    },
  })
  const settings = { imageUrl: 'https://example.com/a.png', motionBucketId: 127, condAug: 0.02, fps: 25 }
  for (let index = 0; index < COUNT; index++) {
    const id = uuid(1, index)
    const status = STATUSES[index % STATUSES.length] ?? 'FAILED'
    const updates = { create: [1, 2, 3].map((sequence) => ({ sequence, status })) }
    const video = { create: { url: 'https://fal.media/a.mp4', contentType: 'video/mp4', fileName: 'a.mp4' } }
    const retryOfId = index === 0 ? null : uuid(1, index - 1)
    await db.job.create({
      data: {
        ...settings,
        ...{ id, status, retryOfId, updates, lastSequence: 3, createdAt: minute(index) },
        ...{ ownerId: 'local', model: 'fal-ai/stable-video', ...(status === 'SUCCEEDED' && { video }) },
      },
    })
    ids.unshift(encodeNodeId('Job', id))
  }
  await db.job.create({
    data: { ...settings, id: uuid(2, 0), ownerId: 'somebody else', model: 'fal-ai/stable-video' },
  })
})

afterAll(async () => {
  await db.$disconnect()
  await rig.close()
})

async function list(variables: { first?: number; after?: string; last?: number; before?: string; filter?: JobFilter }) {
  const { data, errors } = await request(rig.url, ListJobsDocument, variables)
  expect(errors).toEqual([])
  const { edges, pageInfo, totalCount } = data.jobs
  expect([pageInfo.startCursor, pageInfo.endCursor]).toEqual([edges[0]?.cursor ?? null, edges.at(-1)?.cursor ?? null])
  return { ids: edges.map(({ node }) => node.id), edges, pageInfo, totalCount }
}

describe('paging over 25 jobs', () => {
  test('forwards: three pages, newest first, without gap or repeat', async () => {
    const one = await list({ first: 10 })
    const two = await list({ first: 10, after: one.pageInfo.endCursor ?? '' })
    const three = await list({ first: 10, after: two.pageInfo.endCursor ?? '' })
    expect([...one.ids, ...two.ids, ...three.ids]).toEqual(ids)
    expect([one, two, three].map(({ pageInfo }) => pageInfo.hasNextPage)).toEqual([true, true, false])
    expect([one, two, three].map(({ totalCount }) => totalCount)).toEqual([COUNT, COUNT, COUNT])
  })

  test('backwards: three pages from the end, each in the order of the list', async () => {
    const one = await list({ last: 10 })
    const two = await list({ last: 10, before: one.pageInfo.startCursor ?? '' })
    const three = await list({ last: 10, before: two.pageInfo.startCursor ?? '' })
    expect([...three.ids, ...two.ids, ...one.ids]).toEqual(ids)
    expect([one, two, three].map(({ pageInfo }) => pageInfo.hasPreviousPage)).toEqual([true, true, false])
  })

  test('returns 20 by default, and all with first: 100', async () => {
    expect((await list({})).ids).toEqual(ids.slice(0, 20))
    expect((await list({ first: 100 })).ids).toEqual(ids)
  })

  test('between two cursors returns the jobs between them', async () => {
    const { edges } = await list({ first: 100 })
    const [after, before] = [edges[3]?.cursor ?? '', edges[8]?.cursor ?? '']
    expect((await list({ after, before })).ids).toEqual(ids.slice(4, 8))
    expect((await list({ after, before, last: 2 })).ids).toEqual(ids.slice(6, 8))
  })

  test('a page that ends at the end of the list has no next page', async () => {
    expect((await list({ first: COUNT })).pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: false })
    const end = (await list({ last: 1 })).pageInfo.endCursor ?? ''
    expect(await list({ first: 5, after: end })).toMatchObject({ ids: [], totalCount: COUNT })
  })
})

describe('a filter', () => {
  test('by states returns and counts only those', async () => {
    const found = await list({ first: 7, filter: { status: ['FAILED', 'SUCCEEDED'] } })
    expect(found.totalCount).toBe(10)
    expect(found.edges.every(({ node }) => ['FAILED', 'SUCCEEDED'].includes(node.status))).toBe(true)
    const rest = await list({
      first: 7,
      after: found.pageInfo.endCursor ?? '',
      filter: { status: ['FAILED', 'SUCCEEDED'] },
    })
    expect([...found.ids, ...rest.ids]).toEqual(ids.filter((_id, index) => (COUNT - 1 - index) % 5 < 2))
  })

  test('an empty list of states matches nothing, null matches everything', async () => {
    expect(await list({ filter: { status: [] } })).toMatchObject({ ids: [], totalCount: 0 })
    expect((await list({ filter: { status: null, createdAfter: null } })).totalCount).toBe(COUNT)
  })

  test('by time excludes both ends, in any time zone offset', async () => {
    const createdAfter = minute(4).toISOString()
    const createdBefore = minute(8).toISOString().replace('T00:', 'T01:').replace('Z', '+01:00')
    expect((await list({ filter: { createdAfter, createdBefore } })).ids).toEqual(ids.slice(COUNT - 8, COUNT - 5))
  })

  test('meets all of its conditions', async () => {
    const found = await list({ filter: { status: ['RUNNING'], createdBefore: minute(10).toISOString() } })
    expect(found.ids).toEqual([ids[COUNT - 1 - 9], ids[COUNT - 1 - 4]])
  })
})

test('the updates of a job are paged as well', async () => {
  const id = ids[0] ?? ''
  const pageOf = async (page: { first?: number; after?: string; last?: number; before?: string }) => {
    const { data } = await request(rig.url, ListJobUpdatesDocument, { id, ...page })
    if (!data.job) throw new Error('the job is gone')
    const { edges, pageInfo } = data.job.updates
    return { sequences: edges.map(({ node }) => node.sequence), pageInfo }
  }
  const one = await pageOf({ first: 2 })
  expect(one).toMatchObject({ sequences: [1, 2], pageInfo: { hasNextPage: true, hasPreviousPage: false } })
  expect(await pageOf({ first: 2, after: one.pageInfo.endCursor ?? '' })).toMatchObject({
    sequences: [3],
    pageInfo: { hasNextPage: false, hasPreviousPage: true },
  })
  const end = await pageOf({ last: 2 })
  expect(end).toMatchObject({ sequences: [2, 3], pageInfo: { hasPreviousPage: true } })
  expect((await pageOf({ last: 2, before: end.pageInfo.startCursor ?? '' })).sequences).toEqual([1])
})

/** What the server's pool is asked meanwhile, without what each new connection begins with. */
async function listStatements(run: () => Promise<void>): Promise<string[]> {
  // The server runs in this process, over the same driver: its statements pass here, and go on as they are.
  const queries = vi.spyOn(pg.Client.prototype, 'query')
  try {
    await run()
    const calls = queries.mock.calls as unknown as [string | { text: string }][]
    // The job engine has connections of its own, under another name.
    const clients = queries.mock.contexts as unknown as { connectionParameters: { application_name: string } }[]
    return calls
      .filter((_call, n) => clients[n]?.connectionParameters.application_name === 'reelay')
      .map(([query]) => (typeof query === 'string' ? query : query.text))
      .filter((text) => !text.includes('set_config'))
  } finally {
    queries.mockRestore()
  }
}

test('a page with videos, retries and updates takes as many statements for 20 jobs as for 10', async () => {
  const DEEP = `query Deep($first: Int!) { jobs(first: $first) { totalCount edges { node {
    id video { id url } retryOf { id video { url } } updates(first: 2) { edges { node { sequence job { id } } } } } } } }`
  const listFor = (first: number) =>
    listStatements(async () => {
      const { data, errors } = await request(rig.url, DEEP, { first })
      expect(errors).toEqual([])
      expect(data).toHaveProperty('jobs.edges.length', first)
    })
  const few = await listFor(10)
  expect(few.length).toBeGreaterThan(3)
  expect(await listFor(20)).toHaveLength(few.length)
})

test('jobs and videos by their ids are a statement each, also when they are asked for twice', async () => {
  const { data: listed } = await request<{ jobs: { edges: { node: { video: { id: string } | null } }[] } }>(
    rig.url,
    '{ jobs(first: 100) { edges { node { video { id } } } } }',
  )
  const videos = listed.jobs.edges.flatMap(({ node }) => (node.video ? [node.video.id] : []))
  expect(videos).toHaveLength(5)
  const foreign = encodeNodeId('Job', uuid(2, 0))
  const wanted = [...ids, foreign, ...videos]
  const statements = await listStatements(async () => {
    const { data, errors } = await request<Record<string, ({ __typename: string; id: string } | null)[]>>(
      rig.url,
      'query ($ids: [ID!]!) { one: nodes(ids: $ids) { __typename id } two: nodes(ids: $ids) { __typename id } }',
      { ids: wanted },
    )
    expect(errors).toEqual([])
    const expected = [
      ...ids.map((id) => ({ __typename: 'Job', id })),
      null,
      ...videos.map((id) => ({ __typename: 'Video', id })),
    ]
    expect(data).toEqual({ one: expected, two: expected })
  })
  expect(statements.length).toBeLessThanOrEqual(4)
  const jobsOfVideos = await listStatements(async () => {
    const { errors } = await request(
      rig.url,
      'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Video { job { id retryOf { id } } } } }',
      { ids: videos },
    )
    expect(errors).toEqual([])
  })
  expect(jobsOfVideos).toHaveLength(3)
})

describe('totalCount', () => {
  const alias = (filter: (n: number) => string, count = 30) =>
    `{ ${Array.from({ length: count }, (_, n) => `a${n}: jobs(first: 1, filter: { ${filter(n)} }) { totalCount }`).join(' ')} }`
  const isCount = (text: string) => text.includes('"JobCount"')

  test('is counted once for thirty lists with one filter', async () => {
    const statements = await listStatements(async () => {
      const { data, errors } = await request<Record<string, { totalCount: number }>>(
        rig.url,
        alias(() => 'status: [FAILED, RUNNING]'),
      )
      expect(errors).toEqual([])
      expect(Object.values(data).map(({ totalCount }) => totalCount)).toEqual(Array.from({ length: 30 }, () => 10))
    })
    expect(statements.filter(isCount)).toHaveLength(1)
  })

  test('is counted once, whatever states the filters name', async () => {
    const statements = await listStatements(async () => {
      const { data, errors } = await request<Record<string, { totalCount: number }>>(
        rig.url,
        alias((n) => `status: [${STATUSES.filter((_status, bit) => (n + 1) & (1 << bit)).join(', ')}]`),
      )
      expect(errors).toEqual([])
      for (const [name, { totalCount }] of Object.entries(data)) {
        const bits = (Number(name.slice(1)) + 1).toString(2).replaceAll('0', '')
        expect(totalCount).toBe(bits.length * 5)
      }
    })
    expect(statements.filter(isCount)).toHaveLength(1)
  })

  test('is refused for a second range of time, and the rest is answered', async () => {
    const { data, errors } = await request<Record<string, { totalCount: number }>>(
      rig.url,
      alias((n) => `createdAfter: "${minute(n).toISOString()}"`, 2).replaceAll(
        'totalCount',
        'pageInfo { hasNextPage } totalCount',
      ),
    )
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(['QUERY_TOO_COMPLEX'])
    expect(data).toBeNull()
  })
})
