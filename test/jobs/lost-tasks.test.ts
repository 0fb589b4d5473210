import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRig, type Rig } from '../api/rig.ts'
import { until } from '../helpers/until.ts'
import { insertJobs, openStore, type Store } from './maintenance-rig.ts'

let rig: Rig
let store: Store

beforeAll(async () => {
  rig = await openRig({ fal: {} })
  store = await openStore(rig)
})

afterAll(async () => {
  await store.close()
  await rig.close()
})

/** Connections that wait for another connection's lock. */
async function countWaiting(): Promise<number> {
  const [row] = await store.db.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  return row?.count ?? 0
}

describe('a job without a task', () => {
  test('gets one again and runs to its end', async () => {
    const [jobId = ''] = await insertJobs(store, 1, { status: 'PENDING', updates: 1, claim: 3 })
    expect(await store.runMaintenance()).toMatchObject({ tasks: 1 })
    const find = () => store.db.job.findUnique({ where: { id: jobId } })
    await until(async () => (await find())?.status === 'SUCCEEDED', { timeoutMs: 20_000, what: 'the end of the job' })
    expect((await find())?.claim).toBe(4)
    expect(await store.runMaintenance()).toMatchObject({ tasks: 0 })
  })

  test('is left alone while it is young and after it has ended', async () => {
    const young = await insertJobs(store, 1, { status: 'PENDING', updates: 1, createdAt: new Date() })
    const ended = await insertJobs(store, 1, { status: 'FAILED', finishedAt: new Date() })
    expect(await store.runMaintenance()).toMatchObject({ tasks: 0 })
    expect(await store.queue.findTasks([...young, ...ended])).toEqual(new Set())
  })

  test('is left alone when it ends during the check', async () => {
    const [jobId = ''] = await insertJobs(store, 1, { status: 'RUNNING' })
    const pending = await store.db.$transaction(async (tx) => {
      await tx.job.update({ where: { id: jobId }, data: { status: 'FAILED', finishedAt: new Date() } })
      const run = store.runMaintenance()
      await until(async () => (await countWaiting()) > 0, { what: 'the maintenance to wait for the row' })
      return { run }
    })
    expect(await pending.run).toMatchObject({ tasks: 0 })
    expect(await store.queue.findTasks([jobId])).toEqual(new Set())
  })

  test('is found among many jobs that have one', async () => {
    // Jobs of a model that this version does not know: workers claim them and make no progress.
    const jobIds = await insertJobs(store, 30, { status: 'PENDING', updates: 1 })
    await store.db.job.updateMany({ where: { id: { in: jobIds } }, data: { model: 'unknown' } })
    await store.db.$transaction(async (tx) => {
      for (const jobId of jobIds.filter((_, index) => index % 5 !== 0)) await store.queue.enqueue(tx, jobId)
    })
    expect(await store.runMaintenance()).toMatchObject({ tasks: 6 })
    expect((await store.queue.findTasks(jobIds)).size).toBe(30)
    expect(await store.runMaintenance()).toMatchObject({ tasks: 0 })
  })
})
