import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CancelJobDocument, GenerateVideoDocument, RetryJobDocument } from '../../operations/generated/graphql.ts'
import { request } from '../helpers/graphql-client.ts'
import { type RecordingProxy, startRecordingProxy } from '../helpers/recording-proxy.ts'
import { startTestSandbox, type TestSandbox } from '../helpers/sandbox.ts'
import { until } from '../helpers/until.ts'
import { EXAMPLE_IMAGE_URL, IMAGE_DATA_URI, openRig, type Rig } from './rig.ts'

let sandbox: TestSandbox
let fal: RecordingProxy
let rig: Rig
let withoutFal: Rig

beforeAll(async () => {
  sandbox = await startTestSandbox({ stepMs: 5 })
  fal = await startRecordingProxy(sandbox.url)
  ;[rig, withoutFal] = await Promise.all([openRig({ fal: fal.url }), openRig({ fal: 'unavailable' })])
})

afterAll(async () => {
  await Promise.all([rig.close(), withoutFal.close()])
  await fal.stop()
  await sandbox.stop()
})

async function retry({ url }: Rig, id: string, idempotencyKey: string | null = null) {
  return (await request(url, RetryJobDocument, { id, idempotencyKey })).data.retryJob
}

async function generate({ url }: Rig, input: { idempotencyKey: string; fps?: number; seed?: number | null }) {
  return (await request(url, GenerateVideoDocument, { input: { imageUrl: EXAMPLE_IMAGE_URL, ...input } })).data
    .generateVideo
}

/** Cancels a job that is not at fal, and waits for its end: a submit may be on its way. */
async function cancel({ url, readJob }: Rig, id: string) {
  await request(url, CancelJobDocument, { id })
  await until(async () => (await readJob(id)).status === 'CANCELED', {
    timeoutMs: 10_000,
    what: 'the job to be CANCELED',
  })
}

const countSubmits = () =>
  fal.requests.filter(({ method, path }) => method === 'POST' && /stable-video$/.test(path)).length

describe('retryJob', () => {
  test('of a FAILED job makes a new job with its settings, which names it', async () => {
    const settings = {
      imageUrl: 'http://sandbox.test/model-error.png',
      seed: 5,
      fps: 30,
      motionBucketId: 9,
      condAug: 1,
    }
    const failed = await rig.generate(settings)
    expect((await rig.watch(failed.id)).at(-1)?.status).toBe('FAILED')

    const answer = await retry(rig, failed.id)
    expect(answer).toMatchObject({
      __typename: 'GenerateVideoSuccess',
      replayed: false,
      job: { settings: failed.settings, retryOf: { id: failed.id }, status: 'PENDING', failure: null },
    })
    expect(failed.settings).toMatchObject(settings)
    if (answer.__typename !== 'GenerateVideoSuccess') throw new Error(answer.__typename)
    expect(answer.job.id).not.toBe(failed.id)
    expect((await rig.watch(answer.job.id)).at(-1)?.status).toBe('FAILED')
    expect(await rig.readJob(failed.id)).toMatchObject({ status: 'FAILED', retryOf: null })
  })

  test.each([EXAMPLE_IMAGE_URL, IMAGE_DATA_URI])('of a CANCELED job keeps its image: %.40s', async (imageUrl) => {
    const canceled = await withoutFal.generate({ imageUrl })
    await cancel(withoutFal, canceled.id)
    const answer = await retry(withoutFal, canceled.id)
    if (answer.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(answer))
    expect(answer.job.retryOf?.id).toBe(canceled.id)
    if (imageUrl === EXAMPLE_IMAGE_URL) expect(answer.job.settings).toEqual(canceled.settings)
    else
      expect(await (await fetch(answer.job.settings.imageUrl)).bytes()).toEqual(
        new Uint8Array(Buffer.from(IMAGE_DATA_URI.split(',')[1] ?? '', 'base64')),
      )
  })

  test('of a job that has not ended is a JobStateError with the job', async () => {
    const { id } = await withoutFal.generate()
    expect(await retry(withoutFal, id)).toMatchObject({
      __typename: 'JobStateError',
      code: 'JOB_STATE_CONFLICT',
      job: { id, status: 'PENDING' },
    })
  })

  test('with the same key twice is the same new job', async () => {
    const { id } = await withoutFal.generate()
    await cancel(withoutFal, id)
    const key = randomUUID()
    const [first, second] = [await retry(withoutFal, id, key), await retry(withoutFal, id, key)]
    if (first.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(first))
    expect(second).toMatchObject({ __typename: 'GenerateVideoSuccess', replayed: true, job: { id: first.job.id } })
  })
})

describe('an idempotency key', () => {
  test('with the same input leads to the same job', async () => {
    const idempotencyKey = randomUUID()
    const first = await generate(withoutFal, { idempotencyKey, seed: null })
    const second = await generate(withoutFal, { idempotencyKey })
    if (first.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(first))
    expect(first.replayed).toBe(false)
    expect(second).toMatchObject({ __typename: 'GenerateVideoSuccess', replayed: true, job: { id: first.job.id } })
  })

  test('with another input is an IdempotencyConflictError with the first job', async () => {
    const idempotencyKey = randomUUID()
    const first = await generate(withoutFal, { idempotencyKey })
    if (first.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(first))
    expect(await generate(withoutFal, { idempotencyKey, fps: 26 })).toMatchObject({
      __typename: 'IdempotencyConflictError',
      code: 'IDEMPOTENCY_CONFLICT',
      job: { id: first.job.id },
    })
  })

  test('of generateVideo is not one for retryJob', async () => {
    const idempotencyKey = randomUUID()
    const first = await generate(withoutFal, { idempotencyKey })
    if (first.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(first))
    await cancel(withoutFal, first.job.id)
    const { status, data, errors } = await request(withoutFal.url, RetryJobDocument, {
      id: first.job.id,
      idempotencyKey,
    })
    expect({ status, data, errors }).toMatchObject({
      status: 200,
      errors: [{ path: ['retryJob'], extensions: { code: 'IDEMPOTENCY_CONFLICT' } }],
    })
  })

  test('of 50 equal calls at once makes one job, and one call to fal', async () => {
    const before = countSubmits()
    const idempotencyKey = randomUUID()
    const answers = await Promise.all(Array.from({ length: 50 }, () => generate(rig, { idempotencyKey, seed: 1 })))
    const jobs = answers.map((answer) => {
      if (answer.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(answer))
      return { id: answer.job.id, replayed: answer.replayed }
    })
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1)
    expect(jobs.filter(({ replayed }) => !replayed)).toHaveLength(1)
    const id = jobs[0]?.id ?? ''
    await until(async () => (await rig.readJob(id)).status === 'SUCCEEDED', { timeoutMs: 20_000, what: 'its end' })
    expect(countSubmits() - before).toBe(1)
  })
})
