import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { RelayDeps } from '../../src/relay/claim-context.ts'
import { createWorker } from '../../src/relay/worker.ts'
import { type FakeFal, startFakeFal } from '../faults/fake-fal.ts'
import { until } from '../helpers/until.ts'
import { openRelayRig, type RelayRig } from './rig.ts'

let rig: RelayRig
let fal: FakeFal

beforeAll(async () => {
  rig = await openRelayRig()
  fal = await startFakeFal({ stepMs: 10_000 })
})

afterAll(async () => {
  await rig.close()
  await fal.stop()
})

async function createJob(imageUrl: string): Promise<string> {
  const settings = { imageUrl, motionBucketId: 127, condAug: 0.02, fps: 25 }
  const { id } = await rig.db.job.create({ data: { ownerId: 'local', model: 'fal-ai/stable-video', ...settings } })
  await rig.db.$transaction((tx) => rig.queue.enqueue(tx, id))
  return id
}

const HELD = 'https://images.test/held.png'
const readRequest = async (id: string) => (await rig.db.job.findUniqueOrThrow({ where: { id } })).requestId

test('a worker that stops releases claims at once, and those with a submit in flight when fal has answered', async () => {
  const answering = Promise.withResolvers<void>()
  fal.twists.submit = async ({ imageUrl }, usual) => {
    if (imageUrl === HELD) await answering.promise
    return usual()
  }
  const [held, followed] = [await createJob(HELD), await createJob('https://images.test/followed.png')]
  const worker = createWorker({ ...rig.toDeps(fal.url), queue: rig.queue }, { concurrency: 10, pollMs: 50 })
  worker.start()
  await until(async () => fal.posts.has(HELD) && (await readRequest(followed)) !== null, { timeoutMs: 10_000 })

  const stopped = worker.stop()
  const claims = await until(async () => {
    const found = await rig.queue.claim(10)
    return found.length > 0 ? found : null
  })
  expect(claims.map(({ jobId }) => jobId)).toEqual([followed])
  expect(await readRequest(held)).toBeNull()
  answering.resolve()
  await stopped
  expect(await readRequest(held)).toBe(fal.requestOf(HELD)?.id)
  expect((await rig.queue.claim(10)).map(({ jobId }) => jobId)).toEqual([held])
})

test('a worker that stops waits for the answer to a submit although releasing claims fails meanwhile', async () => {
  const answering = Promise.withResolvers<void>()
  const image = 'https://images.test/held-in-an-outage.png'
  fal.twists.submit = async ({ imageUrl }, usual) => {
    if (imageUrl === image) await answering.promise
    return usual()
  }
  const [held, followed] = [await createJob(image), await createJob('https://images.test/left-in-an-outage.png')]
  const stages: string[] = []
  const deps = {
    ...rig.toDeps(fal.url),
    onError: (_error: unknown, { stage }: { stage: string }) => stages.push(stage),
  }
  const worker = createWorker({ ...deps, queue: rig.queue }, { concurrency: 10, pollMs: 50 })
  worker.start()
  await until(async () => fal.posts.has(image) && (await readRequest(followed)) !== null, { timeoutMs: 10_000 })

  rig.postgres.mode = 'cut'
  const stopped = worker.stop()
  await until(() => stages.includes('release'), { timeoutMs: 10_000 })
  rig.postgres.mode = 'pass'
  answering.resolve()
  await stopped
  expect(await readRequest(held)).toBe(fal.requestOf(image)?.id)
  const claims = await rig.queue.claim(10)
  expect(new Set(claims.map(({ jobId }) => jobId))).toEqual(new Set([held, followed]))
})

describe('a job whose last three workers died', () => {
  /** Its task is in the state of one whose worker has died. */
  async function createSuspect(name: string, takeovers = 3): Promise<string> {
    const settings = { imageUrl: `https://images.test/${name}.png`, motionBucketId: 127, condAug: 0.02, fps: 25 }
    const job = { ownerId: 'local', model: 'fal-ai/stable-video', takeovers, ...settings }
    const { id } = await rig.db.job.create({ data: job })
    await rig.db.$transaction(async (tx) => {
      await rig.queue.enqueue(tx, id)
      await tx.$executeRaw`
        UPDATE pgboss.job SET output = '{"value": {"message": "job heartbeat timeout"}}', state = 'retry' WHERE id = ${id}::uuid`
    })
    return id
  }
  const readTakeovers = async (id: string) => (await rig.db.job.findUniqueOrThrow({ where: { id } })).takeovers
  const start = (deps: Partial<RelayDeps> = {}, { othersMs = 100 } = {}) => {
    const options = { concurrency: 10, pollMs: 50, othersMs }
    const worker = createWorker({ ...rig.toDeps(fal.url), ...deps, queue: rig.queue }, options)
    worker.start()
    return worker
  }
  /** Leaves no task for the next test. */
  async function endAll(): Promise<void> {
    await rig.db.job.updateMany({ where: { finishedAt: null }, data: { status: 'FAILED', finishedAt: new Date() } })
    await rig.db.$executeRaw`DELETE FROM pgboss.job WHERE name = 'relay'`
  }
  beforeEach(async () => {
    await endAll()
    fal.twists.submit = (_request, usual) => usual()
  })

  test('runs alone, and a worker that stops meanwhile undoes the count', async () => {
    const other = await createJob('https://images.test/beside.png')
    const worker = start()
    await until(async () => (await readRequest(other)) !== null, { timeoutMs: 10_000 })
    // fal does not answer this submit: the job makes no progress.
    const answering = Promise.withResolvers<void>()
    fal.twists.submit = async (_request, usual) => {
      await answering.promise
      return usual()
    }
    const suspect = await createSuspect('suspect')
    await until(async () => (await readTakeovers(suspect)) === 4, { timeoutMs: 10_000 })
    expect(worker.size).toBe(1)
    // The other job was released.
    expect((await rig.queue.claim(10)).map(({ jobId }) => jobId)).toEqual([other])
    const stopped = worker.stop()
    await until(async () => (await readTakeovers(suspect)) === 3)
    answering.resolve()
    await stopped
    expect(await readRequest(suspect)).not.toBeNull()
  })

  test('runs beside others again once it makes progress', async () => {
    const [suspect, next] = [await createSuspect('innocent'), await createSuspect('innocent-too')]
    const other = await createJob('https://images.test/later.png')
    const worker = start()
    await until(async () => (await readRequest(other)) !== null, { timeoutMs: 10_000 })
    await until(async () => (await readTakeovers(suspect)) + (await readTakeovers(next)) === 0, { timeoutMs: 10_000 })
    expect(fal.posts.get('https://images.test/innocent.png')).toBe(1)
    await worker.stop()
  })

  test('is one of twenty: a new job is submitted between two of them, and a stop releases those that wait', async () => {
    const suspects: string[] = []
    for (let i = 0; i < 20; i++) suspects.push(await createSuspect(`waits-${i}`))
    // The first runs, and the second would run after this test.
    const worker = start({}, { othersMs: 600_000 })
    const countWaiting = () => rig.db.job.count({ where: { id: { in: suspects }, takeovers: 3 } })
    await until(async () => (await countWaiting()) === 19, { timeoutMs: 10_000 })
    const other = await createJob('https://images.test/between.png')
    await until(async () => (await readRequest(other)) !== null, { timeoutMs: 10_000 })
    expect(await countWaiting()).toBe(19)
    // All are claimed by this worker.
    expect(await rig.queue.claim(30)).toEqual([])
    await worker.stop()
    const claims = await rig.queue.claim(30)
    expect(new Set(claims.map(({ jobId }) => jobId))).toEqual(new Set([...suspects, other]))
    expect(claims.filter(({ isTakeover }) => isTakeover)).toEqual([])
  })

  test('is one of twenty, each of which runs', async () => {
    const suspects: string[] = []
    for (let i = 0; i < 20; i++) suspects.push(await createSuspect(`turn-${i}`))
    const worker = start()
    const where = { id: { in: suspects }, takeovers: 0, requestId: { not: null } }
    await until(async () => (await rig.db.job.count({ where })) === 20, { timeoutMs: 25_000 })
    await worker.stop()
  })

  test('is released by a stop while it waits for the answers to other submits', async () => {
    const answering = Promise.withResolvers<void>()
    fal.twists.submit = async ({ imageUrl }, usual) => {
      if (imageUrl.endsWith('/slow.png')) await answering.promise
      return usual()
    }
    await createJob('https://images.test/slow.png')
    const worker = start()
    await until(() => fal.posts.has('https://images.test/slow.png'), { timeoutMs: 10_000 })
    const suspect = await createSuspect('patient')
    await until(async () => (await rig.db.job.findUniqueOrThrow({ where: { id: suspect } })).claim > 0)
    // The suspect waits for its turn, and a stop releases it before the submit is answered.
    const stopped = worker.stop()
    const claims = await until(async () => {
      const found = await rig.queue.claim(10)
      return found.some(({ jobId }) => jobId === suspect) ? found : null
    })
    expect(claims.find(({ jobId }) => jobId === suspect)?.isTakeover).toBeUndefined()
    expect(await readTakeovers(suspect)).toBe(3)
    answering.resolve()
    await stopped
  })

  test('is no suspect when its row could not be read after the claim: the task is released', async () => {
    const job = await createJob('https://images.test/not-taken.png')
    let failures = 0
    const recordClaims: RelayDeps['jobs']['recordClaims'] = (claims) =>
      failures++ === 0 ? Promise.reject(new Error('the rows cannot be read')) : rig.jobs.recordClaims(claims)
    const worker = start({ jobs: { ...rig.jobs, recordClaims } })
    // Sooner than a claim lapses.
    await until(async () => (await readRequest(job)) !== null, { timeoutMs: 8_000 })
    expect(await readTakeovers(job)).toBe(0)
    await worker.stop()
  })

  test('is no suspect when its claim lapsed in an outage of the database', async () => {
    const answering = Promise.withResolvers<void>()
    fal.twists.submit = async (_request, usual) => {
      await answering.promise
      return usual()
    }
    const stages: string[] = []
    const worker = start({ onError: (_error, { stage }) => void stages.push(stage) })
    rig.postgres.mode = 'cut'
    await until(() => stages.includes('claim'))
    rig.postgres.mode = 'pass'
    const suspect = await until(() => createSuspect('lapsed').catch(() => null))
    await until(() => fal.posts.has('https://images.test/lapsed.png'), { timeoutMs: 10_000 })
    expect(await readTakeovers(suspect)).toBe(3)
    answering.resolve()
    await worker.stop()
  })

  test('is given up and canceled at fal when two more died, and the operator gets a report', async () => {
    const [suspect, unsent] = [await createSuspect('killer', 5), await createSuspect('killer before its submit', 5)]
    const image = 'https://images.test/killer-at-fal.png'
    await rig.toDeps(fal.url).fal.submit('fal-ai/stable-video', { image_url: image }, {})
    const request = fal.requestOf(image)
    await rig.db.job.update({ where: { id: suspect }, data: { requestId: request?.id ?? '' } })
    const reported: object[] = []
    const worker = start({ onError: (error, context) => void reported.push({ error: String(error), ...context }) })
    const read = () => rig.db.job.findUniqueOrThrow({ where: { id: suspect } })
    await until(async () => (await read()).status === 'FAILED', { timeoutMs: 10_000 })
    expect((await read()).failure).toMatchObject({ code: 'INTERNAL', retryable: true })
    await until(() => request?.canceledAt)
    await until(() => reported.length === 2)
    const toLine = (jobId: string) => ({ error: expect.stringContaining('5 workers'), stage: 'suspect job', jobId })
    expect(reported).toEqual(expect.arrayContaining([toLine(suspect), toLine(unsent)]))
    expect(fal.posts.has('https://images.test/killer.png')).toBe(false)
    await worker.stop()
  })
})
