import { readdir } from 'node:fs/promises'
import { expect, type TestContext, test } from 'vitest'
import { createTestDatabase } from '../helpers/postgres.ts'
import { until } from '../helpers/until.ts'
import type { Member } from './cluster.ts'
import { startCluster } from './cluster.ts'
import { startFakeFal } from './fake-fal.ts'
import { type OwnPostgres, openOwnPostgres } from './postgres.ts'
import { type FaultRig, LONG, openFaultRig, ROUNDS, roundsMs, tell } from './rig.ts'

const row = test.concurrent

/** Clients keep submitting jobs during the outage. */
interface Load {
  /** Responses that neither succeeded nor asked for a retry, and those that took too long. */
  readonly complaints: string[]
  readonly refused: number
  stop(): Promise<void>
}

const LIST = JSON.stringify({ query: '{ jobs(first: 1) { totalCount } }' })
const JSON_TYPE = { 'content-type': 'application/json' }

/** Queries the list ten times a second, and records every response that breaks the contract. */
function putUnderLoad(urls: readonly string[], { mostMs }: { mostMs: number }): Load {
  const complaints: string[] = []
  let refused = 0
  let isOver = false
  async function ask(url: string): Promise<void> {
    const since = performance.now()
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers: JSON_TYPE, body: LIST })
    const text = await response.text()
    const tookMs = Math.round(performance.now() - since)
    if (tookMs > mostMs) complaints.push(`an answer took ${tookMs} ms`)
    if (response.status === 200 && !text.includes('errors')) return
    refused++
    const isAsPromised =
      response.status === 503 && response.headers.has('retry-after') && text.includes('SERVICE_UNAVAILABLE')
    if (!isAsPromised) complaints.push(`${response.status} ${text}`)
  }
  async function ply(url: string): Promise<void> {
    while (!isOver) {
      await ask(url).catch((error: unknown) => complaints.push(String(error)))
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  const plying = Promise.all(urls.map(ply))
  return {
    complaints,
    get refused() {
      return refused
    },
    stop: async () => {
      isOver = true
      await plying
    },
  }
}

async function isReady(url: string): Promise<boolean> {
  return (await fetch(`${url}/readyz`)).status === 200
}

/** Milliseconds until every address serves requests. */
async function untilServed(urls: readonly string[]): Promise<number> {
  const since = performance.now()
  await until(async () => (await Promise.all(urls.map(isReady))).every(Boolean), { timeoutMs: 20_000, everyMs: 50 })
  return Math.round(performance.now() - since)
}

async function openOnOwnPostgres(context: TestContext): Promise<{ postgres: OwnPostgres; rig: FaultRig }> {
  const postgres = await openOwnPostgres(context)
  const rig = await openFaultRig(context, {
    roles: ['api', 'worker'],
    databaseUrl: postgres.url,
    fal: { stepMs: 200 },
  })
  return { postgres, rig }
}

function expectAlive(members: readonly Member[], pids: readonly number[]): void {
  expect(members.map(({ pid }) => pid)).toEqual(pids)
  for (const pid of pids) expect(() => process.kill(pid, 0)).not.toThrow()
}

row(
  'A7: Postgres crashes and restarts: no process exits, callers get SERVICE_UNAVAILABLE, no job is lost',
  {
    timeout: roundsMs(20_000),
  },
  async (context) => {
    const { postgres, rig } = await openOnOwnPostgres(context)
    const pids = rig.members.map(({ pid }) => pid)
    const backMs: number[] = []
    const rounds = Math.min(ROUNDS, 20)
    for (let round = 0; round < rounds; round++) {
      const jobs = await rig.submit(10)
      const load = putUnderLoad(rig.apis, { mostMs: 5_000 })
      await until(() => jobs.some((job) => rig.hasBeen(job, 'QUEUED')))
      await postgres.stop('crash')
      await until(() => load.refused > 0)
      await postgres.start(rig.members)
      backMs.push(await untilServed(rig.apis))
      await load.stop()
      expect(load.complaints).toEqual([])
      await until(() => jobs.every((job) => rig.hasBeen(job, 'SUCCEEDED')), { timeoutMs: 20_000 })
    }
    expectAlive(rig.members, pids)
    expect(Math.max(...backMs)).toBeLessThan(5_000)
    await rig.verify('A7', { rounds, 'longest return ms': Math.max(...backMs) })
  },
)

row(
  'A8: Postgres is stopped for long, then black-holed: readiness is red, liveness green, sockets stay',
  {
    timeout: 240_000,
  },
  async (context) => {
    const { postgres, rig } = await openOnOwnPostgres(context)
    const [downMs, holeMs] = LONG ? [30_000, 60_000] : [6_000, 9_000]
    const pids = rig.members.map(({ pid }) => pid)
    const backMs: number[] = []
    const endMs: number[] = []
    const wait = (ms: number) => {
      const since = Date.now()
      return until(() => Date.now() - since > ms, { timeoutMs: ms + 1_000, everyMs: 100 })
    }
    async function expectRed(): Promise<void> {
      for (const { url } of rig.members) {
        expect((await fetch(`${url}/readyz`)).status).toBe(503)
        expect((await fetch(`${url}/healthz`)).status).toBe(200)
      }
    }
    for (const fault of ['stopped', 'black hole'] as const) {
      const jobs = await rig.submit(10)
      // A new subscription during the outage is asked to retry: these subscribers connected before.
      await until(() => jobs.every((job) => rig.transcriptOf(job).updates.length > 0))
      const load = putUnderLoad(rig.apis, { mostMs: fault === 'stopped' ? 2_500 : 5_000 })
      if (fault === 'stopped') await postgres.stop('fast')
      else for (const member of rig.members) member.postgres.mode = 'blackhole'
      await until(() => load.refused > 0, { timeoutMs: 10_000 })
      await expectRed()
      await wait(fault === 'stopped' ? downMs : holeMs)
      if (fault === 'stopped') await postgres.start(rig.members)
      else for (const member of rig.members) member.postgres.mode = 'pass'
      const since = performance.now()
      backMs.push(await untilServed(rig.apis))
      await load.stop()
      expect(load.complaints).toEqual([])
      await until(() => jobs.every((job) => rig.hasBeen(job, 'SUCCEEDED')), { timeoutMs: 20_000 })
      endMs.push(Math.round(performance.now() - since))
      // No subscriber had to reconnect.
      for (const job of jobs) expect(rig.transcriptOf(job).reconnects).toBe(0)
    }
    expectAlive(rig.members, pids)
    expect(Math.max(...backMs)).toBeLessThan(5_000)
    await rig.verify('A8', { 'longest return ms': Math.max(...backMs), 'all ended after ms': Math.max(...endMs) })
  },
)

row(
  'A9: with all connections of Postgres in use callers get SERVICE_UNAVAILABLE, and none is leaked',
  {
    timeout: 90_000,
  },
  async (context) => {
    const { postgres, rig } = await openOnOwnPostgres(context)
    const jobs = await rig.submit(10)
    // Existing connections are cut, because they would still work.
    for (const member of rig.members) member.postgres.mode = 'cut'
    const giveBack = await postgres.useUp()
    for (const member of rig.members) member.postgres.mode = 'pass'
    const load = putUnderLoad(rig.apis, { mostMs: 2_500 })
    await until(() => load.refused > 3, { timeoutMs: 10_000 })
    await giveBack()
    await untilServed(rig.apis)
    await load.stop()
    expect(load.complaints).toEqual([])
    await until(() => jobs.every((job) => rig.hasBeen(job, 'SUCCEEDED')), { timeoutMs: 30_000 })
    // The pool's 10, the job engine's 4, and the bus.
    for (const member of rig.members) await until(() => member.postgres.open <= 15)
    await rig.verify('A9')
  },
)

row(
  'A12: four servers that start at once on an empty database all start',
  { timeout: roundsMs(15_000) },
  async ({ onTestFinished, task }) => {
    const fal = await startFakeFal()
    onTestFinished(fal.stop)
    const migrations = (await readdir('prisma/migrations')).filter((name) => /^\d{14}_/.test(name)).sort()
    const rounds = Math.min(ROUNDS, 20)
    for (let round = 0; round < rounds; round++) {
      const database = await createTestDatabase({ empty: true })
      const cluster = await startCluster({
        roles: ['api', 'api,worker', 'worker', 'api,worker'],
        fal,
        databaseUrl: database.url,
      })
      await untilServed(cluster.members.map(({ url }) => url))
      // The processes take turns, one migration at a time.
      const applied = cluster.members.flatMap((member) =>
        [...member.output().matchAll(/"(\d{14}_\w+)"/g)].map(([, name]) => name),
      )
      await cluster.stop()
      await database.drop()
      expect(applied.toSorted()).toEqual(migrations)
    }
    tell('A12', { what: task.name, rounds, boots: 4 * rounds })
  },
)
