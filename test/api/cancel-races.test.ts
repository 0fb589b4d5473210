import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CancelJobDocument, type WatchJobSubscription } from '../../operations/generated/graphql.ts'
import { TRANSITIONS } from '../../src/updates/job-status.ts'
import { request } from '../helpers/graphql-client.ts'
import { startTestSandbox, type TestSandbox } from '../helpers/sandbox.ts'
import { createSeeded, type Seeded } from '../helpers/seeded.ts'
import { until } from '../helpers/until.ts'
import { openRig, type Rig } from './rig.ts'

const SEED = 20261123
const JOBS = 200
/** Longer than an ordinary job takes, so that some cancels come after the end. */
const LONGEST_MS = 4_000

let sandbox: TestSandbox
let line: SlowLine
let rig: Rig
let client: pg.Client

beforeAll(async () => {
  sandbox = await startTestSandbox({ stepMs: 30, slots: JOBS })
  line = await openSlowLine(sandbox.url, createSeeded(SEED + 1))
  rig = await openRig({ fal: line.url })
  client = new pg.Client({ connectionString: rig.databaseUrl })
  await client.connect()
  // The clip that all jobs share: made now, it takes no time from the race.
  await rig.watch((await rig.generate({ imageUrl: 'http://sandbox.test/first.png' })).id)
})

afterAll(async () => {
  await client.end()
  await rig.close()
  await line.close()
  await sandbox.stop()
})

interface SlowLine {
  url: string
  /** How often each image was submitted. */
  submits: Map<string, number>
  close(): Promise<void>
}

/** The way to fal: submits and cancels are slow on it, before they arrive and after, and some cancels fail. */
async function openSlowLine(target: string, random: Seeded): Promise<SlowLine> {
  const submits = new Map<string, number>()
  const server = createServer(async (incoming, outgoing) => {
    const { method = '', url = '' } = incoming
    const body = Buffer.concat(await incoming.toArray())
    const isSlow = method === 'POST' || method === 'PUT'
    const [beforeMs, afterMs] = [random.whole(0, 250), random.whole(0, 250)]
    const fails = method === 'PUT' && random.chance(0.2)
    if (method === 'POST') {
      const { image_url: image } = JSON.parse(body.toString()) as { image_url: string }
      submits.set(image, (submits.get(image) ?? 0) + 1)
    }
    if (isSlow) await pause(beforeMs)
    if (fails) return void outgoing.writeHead(503).end()
    const headers = { 'content-type': 'application/json', authorization: incoming.headers.authorization ?? '' }
    const answer = await fetch(`${target}${url}`, { method, headers, ...(body.length > 0 && { body }) })
    if (isSlow) await pause(afterMs)
    outgoing.writeHead(answer.status, Object.fromEntries(answer.headers))
    if (answer.body) for await (const chunk of answer.body) outgoing.write(chunk)
    outgoing.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    submits,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

type Updates = WatchJobSubscription['jobProgress'][]

async function cancel(id: string) {
  return (await request(rig.url, CancelJobDocument, { id })).data.cancelJob
}
type CancelAnswer = Awaited<ReturnType<typeof cancel>>

interface Race {
  image: string
  id: string
  answers: CancelAnswer[]
  updates: Updates
}

/** One job that is canceled at some moments, and all that was seen of it. */
async function race(image: string, momentsMs: number[]): Promise<Race> {
  const { id, cursor } = await rig.generate({ imageUrl: image })
  const updates = rig.watch(id, cursor)
  const answers = momentsMs.map(async (moment) => {
    await pause(moment)
    return await cancel(id)
  })
  return { image, id, answers: await Promise.all(answers), updates: await updates }
}

/** What fal itself says of the request by now. */
async function askFal(id: string): Promise<'not there' | 'finished' | 'canceled' | 'failed'> {
  const jobId = Buffer.from(id, 'base64url').toString().split(':')[1]
  const { rows } = await client.query('select "requestId" from "Job" where id = $1', [jobId])
  if (rows[0].requestId === null) return 'not there'
  const headers = { authorization: 'Key test-key' }
  const answer = await fetch(`${sandbox.url}/fal-ai/stable-video/requests/${rows[0].requestId}`, { headers })
  await answer.body?.cancel()
  if (answer.ok) return 'finished'
  return answer.headers.get('x-fal-error-type') === 'client_cancelled' ? 'canceled' : 'failed'
}

/** An update shows its job as it is when it is read. */
const withoutJob = (updates: Updates) => updates.map(({ job: _, ...update }) => update)

function judgeUpdates(updates: Updates): void {
  expect(updates.map(({ sequence }) => sequence)).toEqual(updates.map((_, index) => index + 2))
  let status: Updates[number]['status'] = 'PENDING'
  for (const update of updates) {
    if (update.status !== status) expect(TRANSITIONS[status]).toContain(update.status)
    status = update.status
  }
  expect(TRANSITIONS[status]).toEqual([])
  expect(updates.filter((update) => TRANSITIONS[update.status].length === 0)).toHaveLength(1)
}

function judgeAnswers(answers: CancelAnswer[], updates: Updates): void {
  const statuses = updates.map((update) => update.status)
  for (const answer of answers) {
    // A job that was canceled with nothing at fal has ended with the call; else it can end right after it.
    if (answer.__typename === 'CancelJobSuccess') expect([...statuses, 'CANCELING']).toContain(answer.job.status)
    else expect(answer).toMatchObject({ __typename: 'JobStateError', job: { status: statuses.at(-1) } })
  }
  const asked = answers.some(({ __typename }) => __typename === 'CancelJobSuccess')
  expect(statuses.includes('CANCELING') || statuses.includes('CANCELED')).toBe(asked)
}

test(`B11: ${JOBS} jobs, canceled at any moment, each end once, as fal reports (seed ${SEED})`, {
  timeout: 90_000,
}, async () => {
  const random = createSeeded(SEED)
  // Two scenarios answer a cancel the same on any machine: one runs for long, one ignores it.
  const courses = ['job', 'slow', 'cancelled-late', 'model-error']
  const races = await Promise.all(
    Array.from({ length: JOBS }, (_, index) => {
      const course = courses[random.whole(0, courses.length - 1)]
      const calls = random.chance(0.1) ? 0 : random.chance(0.25) ? 3 : 1
      const moments = Array.from({ length: calls }, () => (random.chance(0.1) ? 0 : random.whole(0, LONGEST_MS)))
      // A second call at the very same moment as the first.
      if (calls === 3) moments[1] = moments[0] ?? 0
      return race(`http://sandbox.test/${course}.png?job=${index}`, moments)
    }),
  )

  const seen = { refused: 0, neverSent: 0, canceled: 0, late: 0 }
  for (const { id, image, answers, updates } of races) {
    const job = await rig.readJob(id)
    const fal = await askFal(id)
    const asked = updates.some(({ status }) => status === 'CANCELING' || status === 'CANCELED')
    const story = { image, answers, fal, statuses: updates.map(({ status }) => status) }
    const sent = line.submits.get(image) ?? 0
    const expected =
      fal === 'finished' ? 'SUCCEEDED' : fal === 'failed' && (!asked || job.status === 'FAILED') ? 'FAILED' : 'CANCELED'
    expect({ status: job.status, sent, story }).toEqual({
      status: expected,
      sent: fal === 'not there' ? 0 : 1,
      story,
    })
    expect(job.video !== null).toBe(fal === 'finished')
    expect(job.failure !== null).toBe(job.status === 'FAILED')
    judgeUpdates(updates)
    judgeAnswers(answers, updates)
    if (answers.some(({ __typename }) => __typename === 'JobStateError')) seen.refused++
    if (sent === 0) seen.neverSent++
    if (fal === 'canceled') seen.canceled++
    if (asked && job.status === 'SUCCEEDED') seen.late++
  }
  // Every kind of race took place.
  for (const count of Object.values(seen)) expect(count, JSON.stringify(seen)).toBeGreaterThan(0)
})

test('a cancel during a submit that fal accepts: CANCELING, then CANCELED by fal; sent once', async () => {
  const image = 'http://sandbox.test/slow.png?on-its-way'
  const { id, cursor } = await rig.generate({ imageUrl: image })
  await until(() => line.submits.get(image) === 1, { everyMs: 1, what: 'the submit to leave' })
  expect(await cancel(id)).toMatchObject({ __typename: 'CancelJobSuccess', job: { status: 'CANCELING' } })
  const updates = await rig.watch(id, cursor)
  judgeUpdates(updates)
  expect(updates.at(-1)?.status).toBe('CANCELED')
  expect(await askFal(id)).toBe('canceled')
  expect(line.submits.get(image)).toBe(1)
})

test.each(['SUCCEEDED', 'FAILED', 'CANCELED'])(
  'a cancel after the end is refused, and changes nothing: %s',
  async (status) => {
    const course = { SUCCEEDED: 'job', FAILED: 'model-error', CANCELED: 'slow' }[status]
    const { id, cursor } = await rig.generate({ imageUrl: `http://sandbox.test/${course}.png?${status}` })
    if (status === 'CANCELED') await cancel(id)
    const updates = await rig.watch(id, cursor)
    const before = await rig.readJob(id)
    expect(before.status).toBe(status)
    for (const answer of await Promise.all([cancel(id), cancel(id)]))
      expect(answer).toMatchObject({ __typename: 'JobStateError', code: 'JOB_STATE_CONFLICT', job: { id, status } })
    expect(await rig.readJob(id)).toEqual(before)
    expect(withoutJob(await rig.watch(id, cursor))).toEqual(withoutJob(updates))
  },
)
