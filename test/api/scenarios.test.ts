import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CancelJobDocument, type JobSummaryFragment, WatchJobDocument } from '../../operations/generated/graphql.ts'
import { request, subscribe } from '../helpers/graphql-client.ts'
import { openRig, type Rig } from './rig.ts'

/** The failing scenarios of sandbox/queue/scenarios.ts, and how each is reported to callers. */
const FAILURES = {
  'model-error': {
    code: 'PROVIDER_ERROR',
    retryable: true,
    providerCode: 'internal_server_error',
    issues: [{ path: ['input'], code: 'internal_server_error' }],
  },
  'content-policy': {
    code: 'CONTENT_POLICY',
    retryable: false,
    providerCode: 'content_policy_violation',
    issues: [{ path: ['input', 'imageUrl'], code: 'content_policy_violation' }],
  },
  'invalid-input': {
    code: 'INPUT_REJECTED',
    retryable: false,
    providerCode: 'less_than_equal',
    issues: [{ path: ['input', 'motionBucketId'], code: 'less_than_equal' }],
  },
  'completed-with-error': {
    code: 'PROVIDER_UNAVAILABLE',
    retryable: true,
    providerCode: 'runner_disconnected',
    issues: [],
  },
  'unreachable-image': {
    code: 'INPUT_UNREACHABLE',
    retryable: true,
    providerCode: 'file_download_error',
    issues: [{ path: ['input', 'imageUrl'], code: 'file_download_error' }],
  },
}

const toImageUrl = (name: string) => `http://sandbox.test/${name}.png`

let rig: Rig
let jobs: Map<string, JobSummaryFragment>

beforeAll(async () => {
  rig = await openRig({ fal: { stepMs: 40 } })
  // All at once: each test then reads the story of its own.
  const names = [...Object.keys(FAILURES), 'result-504-twice', 'silent-stream']
  jobs = new Map(
    await Promise.all(names.map(async (name) => [name, await rig.generate({ imageUrl: toImageUrl(name) })] as const)),
  )
})

afterAll(async () => {
  await rig.close()
})

async function storyOf(name: string) {
  const job = jobs.get(name)
  if (!job) throw new Error(`no job was made for the scenario ${name}`)
  return await rig.watch(job.id, job.cursor)
}

describe.each(Object.entries(FAILURES))('the scenario %s', (name, failure) => {
  test(`ends FAILED with ${failure.code}`, async () => {
    const updates = await storyOf(name)
    const last = updates.at(-1)
    expect(last).toMatchObject({ status: 'FAILED', job: { status: 'FAILED', video: null, failure } })
    expect(last?.job.failure?.issues).toHaveLength(failure.issues.length)
    expect(last?.job.failure?.message).toMatch(/\w{3}/)
    // fal reports COMPLETED for a failure too: no update may have SUCCEEDED.
    expect(updates.map(({ status }) => status)).not.toContain('SUCCEEDED')
    // What the model wrote until it failed is kept.
    expect(updates.flatMap(({ logs }) => logs.map(({ message }) => message))).toContain('Step 5/25')
  })
})

test.each(['result-504-twice', 'silent-stream'])('the scenario %s ends SUCCEEDED', async (name) => {
  expect((await storyOf(name)).at(-1)).toMatchObject({
    status: 'SUCCEEDED',
    job: { failure: null, video: { contentType: 'video/mp4', seed: 1 } },
  })
})

test('the scenario long-line shows a place of 12,000 and more, which falls', async () => {
  const { id } = await rig.generate({ imageUrl: toImageUrl('long-line') })
  const positions: number[] = []
  for await (const { data } of subscribe(rig.url, WatchJobDocument, { id })) {
    const position = data?.jobProgress.queuePosition
    if (position != null) positions.push(position)
    if (positions.length === 2) break
  }
  expect(positions[0]).toBeGreaterThanOrEqual(12_000)
  expect(positions[1]).toBeLessThan(positions[0] ?? 0)
  await request(rig.url, CancelJobDocument, { id })
})
