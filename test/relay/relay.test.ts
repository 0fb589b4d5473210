import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Database } from '../../src/adapters/postgres/client.ts'
import type { ClaimedJobs } from '../../src/jobs/claimed-jobs.ts'
import { createFailure } from '../../src/jobs/failure.ts'
import type { ClaimContext } from '../../src/relay/claim-context.ts'
import { relayJob } from '../../src/relay/relay.ts'
import { createWakeUp } from '../../src/relay/wake-up.ts'
import { type FalScript, startScriptedFal } from '../helpers/scripted-fal.ts'
import { until } from '../helpers/until.ts'
import { openRelayRig, type RelayRig } from './rig.ts'

let rig: RelayRig
let db: Database
let jobs: ClaimedJobs
let claimJob: RelayRig['claimJob']

beforeAll(async () => {
  rig = await openRelayRig()
  ;({ db, jobs, claimJob } = rig)
})

afterAll(() => rig.close())

async function relay(script: FalScript, context: ClaimContext, onJobChanged: (jobId: string) => void = () => {}) {
  const fal = await startScriptedFal(script)
  const deps = rig.toDeps(fal.url)
  deps.notifier.on('jobChanged', onJobChanged)
  onTestFinished(() => void deps.notifier.off('jobChanged', onJobChanged))
  const done = relayJob(deps, context)
  return { fal, done, deps }
}

const read = (id: string) => db.job.findUniqueOrThrow({ where: { id }, include: { video: true } })
const completed = { status: 200, body: { status: 'COMPLETED', logs: [] } }
const video = { status: 200, body: { video: { url: 'http://127.0.0.1/clip.mp4' }, seed: 1 } }

test('fal’s id is saved although another worker has claimed the job, and that worker is notified at once', async () => {
  const { id, context } = await claimJob()
  const lost = new AbortController()
  const wakeUp = createWakeUp()
  const rung: string[] = []
  const { fal, done, deps } = await relay(
    { status: () => completed, result: () => video, holdSubmit: true },
    { ...context, signal: lost.signal },
    (jobId) => {
      rung.push(jobId)
      wakeUp.notify()
    },
  )
  await until(() => fal.submits === 1, { what: 'the submit' })
  // Another worker claims the task meanwhile.
  const next = { ...context.claim, number: context.claim.number + 1 }
  await jobs.recordClaims([next])
  lost.abort()
  const second = relayJob(deps, { ...context, wakeUp, claim: next })
  fal.answerSubmit()
  await done
  expect(rung).toEqual([id])
  await until(async () => (await read(id)).requestId !== null, { what: 'the id in the row' })
  // The second worker follows the request. Its claim is not pg-boss's newest, so it cannot end the job.
  await second
  expect(await read(id)).toMatchObject({ requestId: fal.requestId, failure: null })
  expect(fal.submits).toBe(1)
  await fal.stop()
})

test('a submit whose sender died long ago is not repeated', async () => {
  const { id, context } = await claimJob({ submittingAt: new Date(Date.now() - 60_000) })
  const { fal, done } = await relay({ status: () => completed, result: () => video }, context)
  await done
  expect(await read(id)).toMatchObject({ status: 'FAILED', failure: { code: 'SUBMIT_UNKNOWN', retryable: true } })
  expect(fal.submits).toBe(0)
  await fal.stop()
})

test('a result that is not available at once is fetched again', async () => {
  const { id, context } = await claimJob()
  let asked = 0
  const answers = [
    { status: 404, body: { status: 'NOT_FOUND' } },
    { status: 400, body: { detail: 'Request is still in progress' } },
    { status: 504, body: { detail: 'Gateway Timeout' } },
    video,
  ]
  const { fal, done } = await relay({ status: () => completed, result: () => answers[asked++] ?? video }, context)
  await done
  expect(await read(id)).toMatchObject({ status: 'SUCCEEDED', video: { url: 'http://127.0.0.1/clip.mp4' } })
  expect(asked).toBe(4)
  await fal.stop()
})

test.each([
  ['completes with an error', () => ({ status: 200, body: { status: 'COMPLETED', error: 'stopped by the caller' } })],
  ['no longer knows it', () => ({ status: 404, body: { status: 'NOT_FOUND' } })],
  ['says CANCELLED', () => ({ status: 200, body: { status: 'CANCELLED' } })],
])('a cancel that fal acknowledged ends CANCELED when fal then %s', async (_name, status) => {
  const { id, context } = await claimJob()
  await db.job.update({
    where: { id },
    data: { status: 'CANCELING', submittingAt: new Date(), requestId: 'request-of-the-job' },
  })
  const { fal, done } = await relay({ status, result: () => ({ status: 400, body: { detail: 'canceled' } }) }, context)
  await done
  expect(await read(id)).toMatchObject({ status: 'CANCELED', failure: null })
  expect(fal.cancels).toBe(1)
  await fal.stop()
  await db.job.update({ where: { id }, data: { requestId: null } })
})

test('a job that is canceled while its submit is refused ends CANCELED', async () => {
  const { id, context } = await claimJob({ status: 'CANCELING' })
  const { fal, done } = await relay({ status: () => completed, result: () => video }, context)
  await done
  expect(await read(id)).toMatchObject({ status: 'CANCELED' })
  expect(fal.submits).toBe(0)
  await fal.stop()
})

test.each([
  ['500', { status: 500, body: { detail: 'Internal Server Error' } }],
  ['401', { status: 401, body: { detail: 'no' } }],
  ['a refusal in other words', { status: 400, body: { detail: 'Request already completed' } }],
])('a cancel that fal answers with %s ends no job: the status shows that there is a video', async (_name, answer) => {
  const { id, context } = await claimJob()
  await db.job.update({
    where: { id },
    data: { status: 'CANCELING', submittingAt: new Date(), requestId: `canceled-${id}` },
  })
  const { fal, done } = await relay({ status: () => completed, result: () => video, cancel: () => answer }, context)
  await done
  expect(await read(id)).toMatchObject({ status: 'SUCCEEDED' })
  expect(fal.cancels).toBe(1)
  await fal.stop()
})

test('a submit that is answered with another job’s request fails its job, and is not sent again', async () => {
  const { id, context } = await claimJob()
  const other = await claimJob()
  const { fal, done } = await relay({ status: () => completed, result: () => video, holdSubmit: true }, context)
  await db.job.update({ where: { id: other.id }, data: { submittingAt: new Date(), requestId: fal.requestId } })
  fal.answerSubmit()
  await done
  const ended = await read(id)
  expect(ended).toMatchObject({ status: 'FAILED', requestId: null, failure: { code: 'SUBMIT_UNKNOWN' } })
  expect(JSON.stringify(ended.failure)).not.toContain(fal.requestId)
  expect(fal.submits).toBe(1)
  await fal.stop()
})

test('a job is not given up when fal’s webhook brings the id at the last moment', async () => {
  const { id, context } = await claimJob({ submittingAt: new Date(0) })
  await db.job.update({ where: { id }, data: { requestId: `late-${id}` } })
  const failure = createFailure('SUBMIT_UNKNOWN', 'fal did not confirm the request')
  expect(await jobs.end(context.claim, { status: 'FAILED', failure })).toBe(false)
  expect(await read(id)).toMatchObject({ status: 'PENDING', failure: null, lastSequence: 1 })
})

test('a job continues within 3 s of the database’s return after a long outage', async () => {
  const { id, context } = await claimJob()
  let cutAt = 0
  const { fal, done } = await relay(
    {
      status: () => completed,
      result: () => {
        if (cutAt === 0) {
          cutAt = Date.now()
          rig.postgres.mode = 'cut'
        }
        return video
      },
    },
    context,
  )
  const OUTAGE_MS = 8_200
  await until(() => cutAt > 0 && Date.now() - cutAt > OUTAGE_MS, { timeoutMs: 15_000 })
  rig.postgres.mode = 'pass'
  const back = performance.now()
  await done
  expect(performance.now() - back).toBeLessThan(3_000)
  expect(await read(id)).toMatchObject({ status: 'SUCCEEDED', video: { url: 'http://127.0.0.1/clip.mp4' } })
  expect(fal.submits).toBe(1)
  await fal.stop()
})

test('an answer that could not be saved in an outage of the database is awaited after its return', async () => {
  // Sent more than 45 s ago, by a process that still tries to save the answer.
  const mark = new Date(Date.now() - 60_000)
  const { id, context } = await claimJob({ submittingAt: mark })
  const looking = Promise.withResolvers<void>()
  const wait: ClaimContext['wakeUp']['wait'] = (...times) => {
    looking.resolve()
    return context.wakeUp.wait(...times)
  }
  const patient = { ...context, wakeUp: { ...context.wakeUp, wait } }
  const { fal, done } = await relay({ status: () => completed, result: () => video }, patient)
  await Promise.race([looking.promise, done])
  expect(await jobs.saveRequest(id, mark, `saved-${id}`)).toBe('saved')
  context.wakeUp.notify()
  await done
  expect(await read(id)).toMatchObject({ status: 'SUCCEEDED', requestId: `saved-${id}` })
  expect(fal.submits).toBe(0)
  await fal.stop()
})

test('a submit that was marked but never sent is sent once the database is back', async () => {
  const { id, context } = await claimJob()
  const admin = new pg.Client({ connectionString: rig.url })
  await admin.connect()
  await admin.query('begin')
  await admin.query('select id from "Job" where id = $1 for update', [id])
  const { fal, done } = await relay({ status: () => completed, result: () => video }, context)
  const waiting = 'select 1 from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))'
  await until(async () => (await admin.query(waiting)).rowCount)
  // The row is marked now, and the answer of the database is lost.
  rig.postgres.mode = 'mute'
  await admin.query('commit')
  const marked = 'select 1 from "Job" where id = $1 and "submittingAt" is not null'
  await until(async () => (await admin.query(marked, [id])).rowCount)
  rig.postgres.mode = 'pass'
  await done
  expect(await read(id)).toMatchObject({ status: 'SUCCEEDED', requestId: fal.requestId })
  expect(fal.submits).toBe(1)
  await admin.end()
  await fal.stop()
})
