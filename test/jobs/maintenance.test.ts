import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RetryJobDocument } from '../../operations/generated/graphql.ts'
import { openQueue } from '../../src/adapters/queue.ts'
import { runMaintenance } from '../../src/jobs/maintenance.ts'
import { IMAGE_DATA_URI, openRig, type Rig } from '../api/rig.ts'
import { request } from '../helpers/graphql-client.ts'
import { until } from '../helpers/until.ts'
import { daysAgo, insertJobs, openStore, type Store, throwAll, uuidOf } from './maintenance-rig.ts'

let rig: Rig
let away: Rig
let store: Store
let awayStore: Store

beforeAll(async () => {
  ;[rig, away] = await Promise.all([openRig({ fal: {} }), openRig({ fal: 'unavailable' })])
  ;[store, awayStore] = await Promise.all([openStore(rig), openStore(away)])
})

afterAll(async () => {
  await Promise.all([store.close(), awayStore.close()])
  await Promise.all([rig.close(), away.close()])
})

let age = 40
/**
 * Before the retention limit. Jobs are pruned in the order in which they ended, so each test's job ended after those of
 * earlier tests.
 */
const longAgo = () => {
  age -= 0.1
  return daysAgo(age)
}

async function sequencesOf({ db }: Store, jobId: string): Promise<number[]> {
  const rows = await db.jobUpdate.findMany({ where: { jobId }, orderBy: { sequence: 'asc' } })
  return rows.map(({ sequence }) => sequence)
}

const UPDATES = `query ($id: ID!, $first: Int, $last: Int, $after: String, $before: String) {
  job(id: $id) { updates(first: $first, last: $last, after: $after, before: $before) {
    edges { cursor node { sequence status } } pageInfo { hasNextPage hasPreviousPage }
  } }
}`

interface UpdatesAnswer {
  job: {
    updates: {
      edges: { node: { sequence: number } }[]
      pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean }
    }
  }
}

describe('the log of a job that ended more than 30 days ago', () => {
  async function prunedJob() {
    const { id, cursor } = await rig.generate()
    const updates = await rig.watch(id, cursor)
    await store.db.job.update({ where: { id: uuidOf(id) }, data: { finishedAt: longAgo() } })
    const before = await rig.readJob(id)
    await store.runMaintenance()
    const last = updates.at(-1)
    const middle = updates.at(-2)
    if (!last || !middle) throw new Error('expected QUEUED at least, and the end')
    return { id, cursor, updates, middle, last, before }
  }

  test('is its last update, and the job is unchanged', async () => {
    const { id, last, before } = await prunedJob()
    expect(await sequencesOf(store, uuidOf(id))).toEqual([last.sequence])
    expect(await rig.readJob(id)).toEqual(before)
    expect(await store.db.job.findUnique({ where: { id: uuidOf(id) } })).toMatchObject({
      firstSequence: last.sequence,
      lastSequence: last.sequence,
    })
  })

  test('gives a subscriber with an old cursor the last update and the number of missed updates', async () => {
    const { id, cursor, updates, last } = await prunedJob()
    const cursors = [{ sequence: 1, cursor }, ...updates.slice(0, -1)]
    const answers = await Promise.all(cursors.map(async (one) => ({ one, received: await rig.watch(id, one.cursor) })))
    for (const { one, received } of answers)
      expect(received).toMatchObject([
        { sequence: last.sequence, status: 'SUCCEEDED', missed: last.sequence - one.sequence - 1 },
      ])
    expect(await rig.watch(id, last.cursor)).toEqual([])
    expect(await rig.watch(id)).toMatchObject([{ sequence: last.sequence, status: 'SUCCEEDED', missed: 0 }])
  })

  test('can be paged from either end and from any cursor', async () => {
    const { id, cursor, middle, last } = await prunedJob()
    const page = async (variables: Record<string, unknown>) => {
      const { data, errors } = await request<UpdatesAnswer>(rig.url, UPDATES, { id, ...variables })
      expect(errors).toEqual([])
      const { edges, pageInfo } = data.job.updates
      return { sequences: edges.map(({ node }) => node.sequence), ...pageInfo }
    }
    const only = { sequences: [last.sequence], hasNextPage: false, hasPreviousPage: false }
    expect(await page({ first: 2 })).toEqual(only)
    expect(await page({ last: 2 })).toEqual(only)
    expect(await page({ first: 1, after: cursor })).toEqual({ ...only, hasPreviousPage: true })
    expect(await page({ first: 1, after: last.cursor })).toMatchObject({ sequences: [], hasNextPage: false })
    expect(await page({ last: 3, before: last.cursor })).toMatchObject({ sequences: [], hasPreviousPage: false })
    expect(await page({ last: 3, before: middle.cursor })).toMatchObject({ sequences: [], hasPreviousPage: false })
  })
})

describe('jobs', () => {
  test('that ended 29 days ago, or have not ended, keep their log', async () => {
    const [ended] = await insertJobs(store, 1, { status: 'FAILED', finishedAt: daysAgo(29) })
    const [open] = await insertJobs(store, 1, { status: 'STORING', createdAt: daysAgo(0) })
    await store.runMaintenance()
    expect(await sequencesOf(store, ended ?? '')).toEqual([1, 2, 3, 4])
    expect(await sequencesOf(store, open ?? '')).toEqual([1, 2, 3, 4])
  })

  test('of more than one batch are all pruned, and not pruned again', async () => {
    // More jobs that ended at one moment than a batch holds, and some that ended later.
    const [moment, later] = [longAgo(), longAgo()]
    const jobIds = [
      ...(await insertJobs(store, 20, { status: 'FAILED', finishedAt: moment })),
      ...(await insertJobs(store, 3, { status: 'CANCELED', finishedAt: later, updates: 2 })),
    ]
    expect(await store.runMaintenance()).toMatchObject({ jobs: 23 })
    for (const jobId of jobIds) expect(await sequencesOf(store, jobId)).toHaveLength(1)
    expect(await store.runMaintenance()).toMatchObject({ jobs: 0 })
  })

  test('that ended later are pruned by a later run', async () => {
    const [first] = await insertJobs(store, 1, { status: 'FAILED', finishedAt: longAgo() })
    await store.runMaintenance()
    const jobIds = await insertJobs(store, 9, { status: 'FAILED', finishedAt: longAgo() })
    expect(await store.runMaintenance()).toMatchObject({ jobs: 9 })
    for (const jobId of [first ?? '', ...jobIds]) expect(await sequencesOf(store, jobId)).toEqual([4])
  })

  test('are pruned once by three instances at the same time', async () => {
    const jobIds = await insertJobs(store, 40, { status: 'FAILED', finishedAt: longAgo() })
    const runs = await Promise.all([store.runMaintenance(), store.runMaintenance(), store.runMaintenance()])
    expect(runs.reduce((sum, { jobs }) => sum + jobs, 0)).toBe(40)
    for (const jobId of jobIds) expect(await sequencesOf(store, jobId)).toEqual([4])
  })

  test('that an aborted run left over are pruned by the next run', async () => {
    const jobIds = await insertJobs(store, 30, { status: 'FAILED', finishedAt: longAgo() })
    const controller = new AbortController()
    const run = store.runMaintenance(controller.signal)
    const countPruned = () => store.db.job.count({ where: { id: { in: jobIds }, firstSequence: 4 } })
    await until(async () => (await countPruned()) > 0, { everyMs: 0, what: 'the first batch' })
    controller.abort(new Error('enough'))
    await run.catch((error: Error) => expect(error.message).toBe('enough'))
    await store.runMaintenance()
    expect(await countPruned()).toBe(30)
  })
})

test('a part that fails is reported, and the other parts run', async () => {
  const [jobId] = await insertJobs(store, 1, { status: 'FAILED', finishedAt: longAgo() })
  const [open] = await insertJobs(store, 1, { status: 'RUNNING' })
  const queue = await openQueue({ url: rig.databaseUrl, onError: throwAll })
  await queue.stop()
  const stages: string[] = []
  const onError = (_error: unknown, { stage }: { stage: string }) => void stages.push(stage)
  const options = { retentionDays: 30, signal: new AbortController().signal }
  expect(await runMaintenance({ db: store.db, queue, onError }, options)).toMatchObject({ tasks: 0, jobs: 1 })
  expect(stages).toEqual(['maintenance: rescueJobs'])
  expect(await sequencesOf(store, jobId ?? '')).toEqual([4])
  await store.db.job.delete({ where: { id: open ?? '' } })
})

test('two instances at the same time add each change of a count to the sums once', async () => {
  await store.runMaintenance()
  for (let n = 0; n < 20; n++) await insertJobs(store, 1, { status: 'FAILED', finishedAt: new Date() })
  const runs = await Promise.all([store.runMaintenance(), store.runMaintenance()])
  expect(runs.reduce((sum, { deltas }) => sum + deltas, 0)).toBe(20)
  expect(await store.runMaintenance()).toMatchObject({ deltas: 0 })
})

test('idempotency keys are removed after 24 hours', async () => {
  const { db } = store
  const [jobId = ''] = await insertJobs(store, 1, { status: 'FAILED', finishedAt: new Date() })
  const hours = [1, 23.9, ...Array.from({ length: 15 }, () => 24.1), 500]
  await db.idempotencyKey.createMany({
    data: hours.map((age, index) => ({
      ownerId: 'somebody',
      key: `${index}`,
      fingerprint: 'x',
      jobId,
      createdAt: daysAgo(age / 24),
    })),
  })
  expect(await store.runMaintenance()).toMatchObject({ keys: 16 })
  expect((await db.idempotencyKey.findMany({ where: { jobId } })).map(({ key }) => key).sort()).toEqual(['0', '1'])
})

describe('an image that was never uploaded to fal', () => {
  test('is pruned with the updates of its job, and a retry reports it', async () => {
    const { id } = await away.generate({ imageUrl: IMAGE_DATA_URI })
    await request(away.url, `mutation ($id: ID!) { cancelJob(id: $id) { __typename } }`, { id })
    const jobId = uuidOf(id)
    const countImages = () => awayStore.db.jobImage.count({ where: { jobId } })
    await awayStore.runMaintenance()
    expect(await countImages()).toBe(1)

    await awayStore.db.job.update({ where: { id: jobId }, data: { finishedAt: longAgo() } })
    expect(await awayStore.runMaintenance()).toMatchObject({ jobs: 1 })
    expect(await countImages()).toBe(0)
    const { data } = await request(away.url, RetryJobDocument, { id, idempotencyKey: null })
    expect(data.retryJob).toMatchObject({
      __typename: 'JobStateError',
      code: 'JOB_STATE_CONFLICT',
      message: expect.stringContaining('image'),
      job: { id, status: 'CANCELED' },
    })
  })

  test('is kept while its job is open, however old the job is', async () => {
    const { id } = await away.generate({ imageUrl: IMAGE_DATA_URI })
    const jobId = uuidOf(id)
    await awayStore.db.job.update({ where: { id: jobId }, data: { createdAt: daysAgo(400) } })
    await awayStore.runMaintenance()
    expect(await awayStore.db.jobImage.count({ where: { jobId } })).toBe(1)
  })
})
