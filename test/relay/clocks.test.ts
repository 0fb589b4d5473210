import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { relayJob } from '../../src/relay/relay.ts'
import { shiftClock } from '../helpers/clock.ts'
import { startScriptedFal } from '../helpers/scripted-fal.ts'
import { until } from '../helpers/until.ts'
import { openRelayRig, type RelayRig } from './rig.ts'

let rig: RelayRig
let setClockRight = () => {}

beforeAll(async () => {
  rig = await openRelayRig()
})

afterEach(() => setClockRight())

afterAll(() => rig.close())

const read = (id: string) => rig.db.job.findUniqueOrThrow({ where: { id } })
const TEN_MINUTES_MS = 600_000

/** Seconds since the job was marked, as the database sees it. */
async function readAge(id: string): Promise<number | undefined> {
  const [row] = await rig.db.$queryRaw<{ age: number }[]>`
    SELECT extract(epoch FROM clock_timestamp() - "submittingAt")::float8 AS age FROM "Job" WHERE id = ${id}::uuid`
  return row?.age
}

/** A submit of so long ago by the database's clock. */
async function claimMarked(secondsAgo: number) {
  const { id, context } = await rig.claimJob()
  await rig.db.$executeRaw`
    UPDATE "Job" SET "submittingAt" = clock_timestamp() - make_interval(secs => ${secondsAgo}) WHERE id = ${id}::uuid`
  return { id, context }
}

describe.each([
  ['slow', -TEN_MINUTES_MS],
  ['fast', TEN_MINUTES_MS],
])('on a machine whose clock is ten minutes %s', (_name, byMs) => {
  test('a new job and its first update have the time of the database', async () => {
    setClockRight = shiftClock(byMs)
    const { id } = await rig.db.job.create({
      data: {
        ...{ ownerId: 'local', model: 'fal-ai/stable-video', motionBucketId: 127, condAug: 0.02, fps: 25 },
        updates: { create: { sequence: 1, status: 'PENDING' } },
      },
    })
    const [row] = await rig.db.$queryRaw<object[]>`
      SELECT abs(extract(epoch FROM now() - j."createdAt")) < 60 AS created,
        abs(extract(epoch FROM now() - j."statusSince")) < 60 AS since, abs(extract(epoch FROM now() - u.at)) < 60 AS at
      FROM "Job" j JOIN "JobUpdate" u ON u."jobId" = j.id WHERE j.id = ${id}::uuid`
    expect(row).toEqual({ created: true, since: true, at: true })
  })

  test('a submit is marked with the time of the database', async () => {
    const { id, context } = await rig.claimJob()
    const completed = { status: 200, body: { status: 'COMPLETED', logs: [] } }
    const video = { status: 200, body: { video: { url: 'http://127.0.0.1/clip.mp4' }, seed: 1 } }
    const fal = await startScriptedFal({ status: () => completed, result: () => video })
    setClockRight = shiftClock(byMs)
    await relayJob(rig.toDeps(fal.url), context)
    expect(await read(id)).toMatchObject({ status: 'SUCCEEDED', requestId: fal.requestId })
    const age = await readAge(id)
    expect(age).toBeGreaterThanOrEqual(0)
    expect(age).toBeLessThan(60)
    await fal.stop()
  })

  test('a submit whose answer is overdue is given up, and a recent one is not', async () => {
    const overdue = await claimMarked(46)
    const recent = await claimMarked(20)
    setClockRight = shiftClock(byMs)
    const leaving = new AbortController()
    const deps = rig.toDeps('http://127.0.0.1:9')
    const waiting = relayJob(deps, { ...recent.context, signal: leaving.signal })
    // Both are awaited for at least ten seconds.
    await relayJob(deps, overdue.context)
    expect(await read(overdue.id)).toMatchObject({ status: 'FAILED', failure: { code: 'SUBMIT_UNKNOWN' } })
    await until(async () => ((await readAge(recent.id)) ?? 0) > 32, { timeoutMs: 10_000 })
    expect(await read(recent.id)).toMatchObject({ status: 'PENDING', failure: null })
    leaving.abort()
    await waiting
  })
})
