import { expect, test } from 'vitest'
import { toShiftedEnvironment } from '../helpers/clock.ts'
import { createTestDatabase } from '../helpers/postgres.ts'
import { until } from '../helpers/until.ts'
import { startCluster } from './cluster.ts'
import { openFaultRig, roundsMs, TAKEOVER } from './rig.ts'

const TEN_MINUTES_MS = 600_000
/** How long the server waits for fal's webhook, in seconds: the lowest setting above the 45 s without webhooks. */
const ADOPTION_SECONDS = 50

test.concurrent.for([
  ['slow', -TEN_MINUTES_MS],
  ['fast', TEN_MINUTES_MS],
] as const)(
  'A14: a submit that was lost by a worker whose clock is ten minutes %s is awaited as long as any other',
  { timeout: roundsMs(60_000) },
  async ([name, byMs], context) => {
    const database = await createTestDatabase()
    context.onTestFinished(database.drop)
    const rig = await openFaultRig(context, { roles: ['api'], databaseUrl: database.url })
    const startWorker = async (shiftMs: number) => {
      const cluster = await startCluster({
        roles: ['worker'],
        fal: rig.fal,
        databaseUrl: database.url,
        environment: {
          ...toShiftedEnvironment(shiftMs),
          PUBLIC_URL: rig.apis[0] ?? '',
          SUBMIT_ADOPTION_SECONDS: String(ADOPTION_SECONDS),
        },
      })
      context.onTestFinished(cluster.stop)
      return cluster.members[0]
    }
    const answering = Promise.withResolvers<void>()
    rig.fal.twists.submit = async (_request, usual) => {
      const answer = usual()
      await answering.promise
      return answer
    }
    const sender = await startWorker(byMs)
    const jobs = await rig.submit(6)
    await until(() => jobs.every(({ imageUrl }) => rig.fal.posts.get(imageUrl) === 1), { timeoutMs: 20_000 })
    const sentAt = performance.now()
    await sender?.end('SIGKILL')
    answering.resolve()
    // The clock of the worker that takes over is off in the other direction.
    await startWorker(-byMs)
    const [notified, others] = [jobs.slice(0, 3), jobs.slice(3)]
    await until(() => performance.now() - sentAt > 30_000, { timeoutMs: 40_000, everyMs: 100 })
    expect(jobs.filter((job) => rig.hasBeen(job, 'FAILED'))).toEqual([])
    for (const { imageUrl } of notified) {
      const request = rig.fal.requestOf(imageUrl)
      expect(request && (await rig.fal.deliver(request))).toBe(200)
    }
    await until(() => notified.every((job) => rig.hasBeen(job, 'SUCCEEDED')), TAKEOVER)
    await until(() => others.every((job) => rig.hasBeen(job, 'FAILED')), { timeoutMs: 60_000 })
    const waitedMs = Math.round(performance.now() - sentAt)
    expect(waitedMs).toBeGreaterThan(ADOPTION_SECONDS * 1000 - 1_000)
    expect(await rig.count(`"Job" WHERE failure ->> 'code' = 'SUBMIT_UNKNOWN'`)).toBe(others.length)
    await rig.verify(`A14 ${name}`, { 'given up after ms': waitedMs })
  },
)
