import { expect, type TestContext, test } from 'vitest'
import { until } from '../helpers/until.ts'
import { readJob } from './client.ts'
import type { Member } from './cluster.ts'
import { type FaultRig, openFaultRig } from './rig.ts'

/** Long enough for five deaths, each detected 10 s later, and for the other jobs. */
const ALL_MS = 240_000

interface Supervisor {
  deaths: number
  /** Kills the requesting process without a response, as running out of memory would. */
  kill(): Promise<never>
}

/** Restarts a worker whenever it dies, as an orchestrator does. */
function supervise({ onTestFinished }: TestContext, worker: Member): Supervisor {
  let restarting: Promise<void> | null = null
  const supervisor: Supervisor = {
    deaths: 0,
    kill: () => {
      restarting ??= (async () => {
        supervisor.deaths++
        await worker.end('SIGKILL')
        await worker.start()
        restarting = null
      })()
      return new Promise(() => {})
    },
  }
  onTestFinished(async () => void (await restarting))
  return supervisor
}

async function open(context: TestContext): Promise<{ rig: FaultRig; supervisor: Supervisor }> {
  const rig = await openFaultRig(context, { roles: ['api', 'worker'], fal: { stepMs: 3_000 } })
  const [, worker] = rig.members
  if (!worker) throw new Error('the cluster is smaller than asked for')
  return { rig, supervisor: supervise(context, worker) }
}

test('A15: a job that kills its worker is given up after five deaths, and the other jobs end normally', {
  timeout: ALL_MS + 60_000,
}, async (context) => {
  const { rig, supervisor } = await open(context)
  const since = performance.now()
  // They wait in fal's queue in silence until the killer job has been given up.
  let isOver = false
  const never = new Set<string>()
  rig.fal.twists.status = (request, usual) => {
    if (request.imageUrl === killer?.imageUrl) return supervisor.kill()
    if (!isOver && never.has(request.imageUrl))
      return Response.json({ status: 'IN_QUEUE', request_id: request.id, queue_position: 2 })
    return usual()
  }
  rig.fal.twists.stream = (request, usual) => {
    if (!isOver && never.has(request.imageUrl)) return new Response('', { status: 500 })
    return usual()
  }
  let killer: { id: string; imageUrl: string } | undefined
  const quiet = await rig.submit(2)
  for (const { imageUrl } of quiet) never.add(imageUrl)
  const busy = await rig.submit(7)
  // A submit whose sender dies before the response is another row.
  await until(() => [...quiet, ...busy].every((job) => rig.hasBeen(job, 'QUEUED')), { timeoutMs: 20_000 })
  ;[killer] = await rig.submit(1)
  if (!killer) throw new Error('nobody submitted the killer')
  const job = killer
  await until(() => rig.hasBeen(job, 'FAILED'), { timeoutMs: ALL_MS, everyMs: 50 })
  const foundMs = Math.round(performance.now() - since)
  isOver = true
  expect((await readJob(rig.apis, job.id)).failure).toMatchObject({ code: 'INTERNAL', retryable: true })
  await until(() => [...quiet, ...busy].every((one) => rig.hasBeen(one, 'SUCCEEDED')), { timeoutMs: 60_000 })
  expect(supervisor.deaths).toBe(5)
  const reported =
    rig.members[1]
      ?.output()
      .split('\n')
      .filter((line) => line.includes('suspect job failed')) ?? []
  expect(reported).toHaveLength(1)
  expect(JSON.parse(reported[0] ?? '')).toMatchObject({ level: 50, jobId: expect.stringMatching(/-/) })
  await rig.verify('A15', { deaths: supervisor.deaths, 'given up after ms': foundMs })
})
