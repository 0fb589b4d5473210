import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CancelJobDocument, type JobStatus } from '../../operations/generated/graphql.ts'
import { request } from '../helpers/graphql-client.ts'
import { openRecordingServer } from '../helpers/recording-server.ts'
import { until } from '../helpers/until.ts'
import { IMAGE_DATA_URI, openRig, type Rig } from './rig.ts'

const scenario = (name: string) => ({ imageUrl: `http://sandbox.test/${name}.png` })

let rig: Rig
let withoutFal: Rig

beforeAll(async () => {
  // Slow enough that a job is still queued or running when it is canceled.
  ;[rig, withoutFal] = await Promise.all([openRig({ fal: { stepMs: 50 } }), openRig({ fal: 'unavailable' })])
})

afterAll(async () => {
  await Promise.all([rig.close(), withoutFal.close()])
})

async function cancel({ url }: Rig, id: string) {
  return (await request(url, CancelJobDocument, { id })).data.cancelJob
}

async function reached({ readJob }: Rig, id: string, status: JobStatus) {
  return await until(
    async () => {
      const job = await readJob(id)
      return job.status === status && job
    },
    { timeoutMs: 20_000, what: `the job to be ${status}` },
  )
}

describe('a job that fal never got', () => {
  test('is CANCELED at once', async () => {
    const { id } = await withoutFal.generate({ imageUrl: IMAGE_DATA_URI })
    const answer = await cancel(withoutFal, id)
    expect(answer).toMatchObject({
      __typename: 'CancelJobSuccess',
      job: { id, status: 'CANCELED', startedAt: null, finishedAt: expect.any(String), video: null, failure: null },
    })
    expect((await withoutFal.watch(id)).map(({ status }) => status)).toEqual(['CANCELED'])
  })

  test('stays CANCELED: a later cancel is a JobStateError with the job', async () => {
    const { id } = await withoutFal.generate({ imageUrl: IMAGE_DATA_URI })
    await cancel(withoutFal, id)
    expect(await cancel(withoutFal, id)).toMatchObject({
      __typename: 'JobStateError',
      code: 'JOB_STATE_CONFLICT',
      job: { id, status: 'CANCELED' },
    })
  })

  test('is canceled by one of 20 calls at once, and all others get JobStateError', async () => {
    const { id, cursor } = await withoutFal.generate({ imageUrl: IMAGE_DATA_URI })
    const answers = await Promise.all(Array.from({ length: 20 }, () => cancel(withoutFal, id)))
    const kinds = answers.map(({ __typename }) => __typename)
    expect(new Set(kinds).size).toBeLessThanOrEqual(2)
    expect(kinds).toContain('CancelJobSuccess')
    for (const answer of answers) expect(answer).toMatchObject({ job: { id, status: 'CANCELED' } })
    expect(await withoutFal.watch(id, cursor)).toMatchObject([{ sequence: 2, status: 'CANCELED' }])
  })
})

describe.each<[JobStatus, string]>([
  ['QUEUED', 'long-line'],
  ['RUNNING', 'slow'],
])('a job that is %s', (status, name) => {
  test('is CANCELING, then CANCELED once fal has confirmed it', async () => {
    const { id, cursor } = await rig.generate(scenario(name))
    await reached(rig, id, status)
    expect(await cancel(rig, id)).toMatchObject({
      __typename: 'CancelJobSuccess',
      job: { id, status: 'CANCELING', finishedAt: null },
    })
    const statuses = (await rig.watch(id, cursor)).map((update) => update.status)
    expect(statuses.filter((one, index) => one !== statuses[index - 1])).toEqual([
      ...(status === 'RUNNING' ? ['QUEUED', 'RUNNING'] : ['QUEUED']),
      'CANCELING',
      'CANCELED',
    ])
    expect(await rig.readJob(id)).toMatchObject({ finishedAt: expect.any(String), queuePosition: null, video: null })
  })
})

test('a cancel that came too late: the job is CANCELING, for a second caller too, and then SUCCEEDED', async () => {
  const { id, cursor } = await rig.generate(scenario('cancelled-late'))
  await reached(rig, id, 'RUNNING')
  const canceling = { __typename: 'CancelJobSuccess', job: { id, status: 'CANCELING' } }
  expect(await cancel(rig, id)).toMatchObject(canceling)
  expect(await cancel(rig, id)).toMatchObject(canceling)

  const updates = await rig.watch(id, cursor)
  expect(updates.filter(({ status, logs }) => status === 'CANCELING' && logs.length === 0)).toHaveLength(1)
  expect(updates.at(-1)).toMatchObject({ status: 'SUCCEEDED', job: { video: { contentType: 'video/mp4' } } })
  expect(await cancel(rig, id)).toMatchObject({ __typename: 'JobStateError', job: { id, status: 'SUCCEEDED' } })
})

test('a cancel during a submit that fal then rejects: CANCELING, then CANCELED, and no second submit', async () => {
  const fal = await openRecordingServer()
  const asked: ServerResponse[] = []
  fal.script(({ method }, response) =>
    method === 'GET' ? { status: 404, json: { detail: 'Not found' } } : void asked.push(response),
  )
  const refusing = await openRig({ fal: fal.url })
  try {
    const { id } = await refusing.generate()
    const answer = await until(() => asked[0], { what: 'the submit to reach fal' })
    expect(await cancel(refusing, id)).toMatchObject({ job: { status: 'CANCELING' } })
    answer.writeHead(429).end('{}')
    await reached(refusing, id, 'CANCELED')
    expect(fal.requests.filter(({ method }) => method === 'POST')).toHaveLength(1)
  } finally {
    await refusing.close()
    await fal.close()
  }
})
