import { afterAll, beforeAll, expect, test } from 'vitest'
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

const HELD = 'https://pictures.test/held.png'
const readRequest = async (id: string) => (await rig.db.job.findUniqueOrThrow({ where: { id } })).requestId

test('a worker that stops gives back at once what it can leave, and the rest when its submit is answered', async () => {
  const answering = Promise.withResolvers<void>()
  fal.twists.submit = async ({ imageUrl }, usual) => {
    if (imageUrl === HELD) await answering.promise
    return usual()
  }
  const [held, followed] = [await createJob(HELD), await createJob('https://pictures.test/followed.png')]
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

test('a worker that stops waits for the answer to its submit though claims cannot be given back meanwhile', async () => {
  const answering = Promise.withResolvers<void>()
  const picture = 'https://pictures.test/held-in-an-outage.png'
  fal.twists.submit = async ({ imageUrl }, usual) => {
    if (imageUrl === picture) await answering.promise
    return usual()
  }
  const [held, followed] = [await createJob(picture), await createJob('https://pictures.test/left-in-an-outage.png')]
  const stages: string[] = []
  const deps = {
    ...rig.toDeps(fal.url),
    onError: (_error: unknown, { stage }: { stage: string }) => stages.push(stage),
  }
  const worker = createWorker({ ...deps, queue: rig.queue }, { concurrency: 10, pollMs: 50 })
  worker.start()
  await until(async () => fal.posts.has(picture) && (await readRequest(followed)) !== null, { timeoutMs: 10_000 })

  rig.postgres.mode = 'cut'
  const stopped = worker.stop()
  await until(() => stages.includes('release'), { timeoutMs: 10_000 })
  rig.postgres.mode = 'pass'
  answering.resolve()
  await stopped
  expect(await readRequest(held)).toBe(fal.requestOf(picture)?.id)
  const claims = await rig.queue.claim(10)
  expect(new Set(claims.map(({ jobId }) => jobId))).toEqual(new Set([held, followed]))
})
