import { setTimeout as sleep } from 'node:timers/promises'
import { expect, type TestContext, test } from 'vitest'
import { createSeeded } from '../helpers/seeded.ts'
import { until } from '../helpers/until.ts'
import { type Acknowledged, createImageUrl, generate, readJob } from './client.ts'
import { type FaultRig, type FaultRigOptions, medianOf, openFaultRig, ROUNDS, roundsMs, TAKEOVER } from './rig.ts'

/** Jobs per round, all at the step at which the process is killed. */
const JOBS = 6

const SEED = Number(process.env.TEST_SEED ?? 20261123)
const random = createSeeded(SEED)

// The rows run concurrently, because most of their time is spent waiting for claims to expire.
const row = test.concurrent

function open(context: TestContext, options: Partial<FaultRigOptions> = {}): Promise<FaultRig> {
  return openFaultRig(context, { roles: ['api', 'worker', 'worker'], ...options })
}

function membersOf({ members }: FaultRig) {
  const [api, first, second] = members
  if (!api || !first || !second) throw new Error('the cluster is smaller than asked for')
  return { api, workers: [first, second] as const }
}

row(
  'A1: an API server killed around the commit leaves one job per key, and fal one request',
  {
    timeout: roundsMs(20_000),
  },
  async (context) => {
    const opened = await open(context)
    const { apis, fal } = opened
    const { api } = membersOf(opened)
    const ids = new Map<string, Set<string>>()
    for (let round = 0; round < ROUNDS; round++) {
      const asked = Array.from({ length: JOBS }, () => ({
        imageUrl: createImageUrl(),
        idempotencyKey: createImageUrl(),
      }))
      // Each client retries until it gets a response; the API process dies in between.
      const first = asked.map((input) => generate(apis, input))
      await sleep(random.number() * 60)
      await api.end('SIGKILL')
      await api.start()
      for (const job of await Promise.all(first)) {
        ids.set(job.imageUrl, new Set([job.id]))
        opened.watch(job)
      }
      for (const input of asked) ids.get(input.imageUrl)?.add((await generate(apis, input)).id)
    }
    for (const given of ids.values()) expect(given.size, `seed ${SEED}`).toBe(1)
    await until(() => ids.keys().every((imageUrl) => fal.posts.has(imageUrl)), { timeoutMs: 20_000 })
    await until(async () => (await opened.count(`"Job" WHERE status <> 'SUCCEEDED'`)) === 0, {
      timeoutMs: 20_000,
    })
    await opened.verify('A1', { rounds: ROUNDS })
  },
)

row(
  'A2: a worker killed between its claim and the POST loses no job',
  {
    timeout: roundsMs(30_000),
  },
  async (context) => {
    const opened = await open(context)
    const { workers } = membersOf(opened)
    let lostClaims = 0
    for (let round = 0; round < ROUNDS; round++) {
      for (const worker of workers) worker.signal('SIGSTOP')
      const jobs = await opened.submit(JOBS)
      // Their claims reach Postgres, but the responses never return.
      for (const { postgres } of workers) postgres.mode = 'mute'
      for (const worker of workers) worker.signal('SIGCONT')
      const claims = await until(() => opened.count(`pgboss.job WHERE name = 'relay' AND state = 'active'`), {
        timeoutMs: 10_000,
      })
      await Promise.all(workers.map((worker) => worker.end('SIGKILL')))
      lostClaims += claims
      for (const { imageUrl } of jobs) expect(opened.fal.posts.has(imageUrl)).toBe(false)
      for (const { postgres } of workers) postgres.mode = 'pass'
      await Promise.all(workers.map((worker) => worker.start()))
      await until(() => jobs.every(({ imageUrl }) => opened.fal.posts.get(imageUrl) === 1), TAKEOVER)
    }
    await opened.verify('A2', { rounds: ROUNDS, 'claims lost to kills': lostClaims })
  },
)

row(
  'A3: a worker killed after fal accepted the request causes no second POST: the webhook brings the id',
  {
    timeout: roundsMs(25_000),
  },
  async (context) => {
    const opened = await open(context, { webhooks: true })
    const { workers } = membersOf(opened)
    for (let round = 0; round < ROUNDS; round++) {
      const release = holdSubmits(opened)
      const jobs = await opened.submit(JOBS)
      await until(() => jobs.every(({ imageUrl }) => opened.fal.posts.get(imageUrl) === 1), { timeoutMs: 10_000 })
      await Promise.all(workers.map((worker) => worker.end('SIGKILL')))
      release()
      await Promise.all(workers.map((worker) => worker.start()))
      // By this time fal has finished, and sends the webhook.
      const requests = jobs.map(({ imageUrl }) => opened.fal.requestOf(imageUrl))
      for (const request of requests) expect(request && (await opened.fal.deliver(request))).toBe(200)
      await until(() => jobs.every((job) => opened.hasBeen(job, 'SUCCEEDED')), TAKEOVER)
    }
    await opened.verify('A3 with a webhook', { rounds: ROUNDS })
  },
)

row(
  'A3: without a webhook the job fails with SUBMIT_UNKNOWN, and is not sent again',
  {
    timeout: 75_000 + roundsMs(20_000),
  },
  async (context) => {
    const opened = await open(context)
    const { workers } = membersOf(opened)
    const all: Acknowledged[] = []
    // Nobody waits for their ends, which take as long as an answer may: those who wait for one are killed as well.
    for (let round = 0; round < ROUNDS; round++) {
      const release = holdSubmits(opened)
      const jobs = await opened.submit(JOBS)
      all.push(...jobs)
      await until(() => jobs.every(({ imageUrl }) => opened.fal.posts.get(imageUrl) === 1), { timeoutMs: 10_000 })
      await Promise.all(workers.map((worker) => worker.end('SIGKILL')))
      release()
      await Promise.all(workers.map((worker) => worker.start()))
    }
    await until(() => all.every((job) => opened.hasBeen(job, 'FAILED')), { timeoutMs: 75_000 })
    expect(await opened.count(`"Job" WHERE failure ->> 'code' = 'SUBMIT_UNKNOWN'`)).toBe(all.length)
    await opened.verify('A3 without a webhook', { rounds: ROUNDS })
  },
)

row(
  'A4: the jobs of a worker killed while following them continue on another worker',
  {
    timeout: roundsMs(40_000),
  },
  async (context) => {
    // Long enough to be running when the claim's holder is killed.
    const opened = await open(context, { fal: { stepMs: 1_500 } })
    const { workers } = membersOf(opened)
    const takeoverMs: number[] = []
    let [holder, next] = workers
    for (let round = 0; round < ROUNDS; round++) {
      // Asleep it leaves all of them to the holder, and is there when that is killed.
      next.signal('SIGSTOP')
      const jobs = await opened.submit(JOBS)
      await until(() => jobs.every((job) => opened.hasBeen(job, 'RUNNING')), { timeoutMs: 20_000 })
      next.signal('SIGCONT')
      const looks = new Map<string, number>()
      opened.fal.twists.status = ({ imageUrl }, usual) => {
        if (!looks.has(imageUrl)) looks.set(imageUrl, Date.now())
        return usual()
      }
      await holder.end('SIGKILL')
      looks.clear()
      const killedAt = Date.now()
      await until(() => jobs.every(({ imageUrl }) => looks.has(imageUrl)), TAKEOVER)
      takeoverMs.push(...jobs.map(({ imageUrl }) => (looks.get(imageUrl) ?? 0) - killedAt))
      await until(() => jobs.every((job) => opened.hasBeen(job, 'SUCCEEDED')), TAKEOVER)
      await holder.start()
      ;[holder, next] = [next, holder]
    }
    await opened.verify('A4', {
      rounds: ROUNDS,
      'median takeover ms': medianOf(takeoverMs),
      'longest takeover ms': Math.max(...takeoverMs),
    })
    expect(medianOf(takeoverMs)).toBeLessThan(15_000)
  },
)

row(
  'A5: after a worker is killed half-way through the result, another worker reads it completely',
  {
    timeout: roundsMs(40_000),
  },
  async (context) => {
    const opened = await open(context)
    const { workers } = membersOf(opened)
    for (let round = 0; round < ROUNDS; round++) {
      const halves = new Set<string>()
      opened.fal.twists.result = async ({ imageUrl }, usual) => {
        const body = await usual().text()
        halves.add(imageUrl)
        return toEndless(body.slice(0, body.length / 2))
      }
      const jobs = await opened.submit(JOBS)
      await until(() => jobs.every(({ imageUrl }) => halves.has(imageUrl)), { timeoutMs: 20_000 })
      await Promise.all(workers.map((worker) => worker.end('SIGKILL')))
      opened.fal.twists.result = (_request, usual) => usual()
      for (const job of jobs) expect((await readJob(opened.apis, job.id)).video).toBeNull()
      await Promise.all(workers.map((worker) => worker.start()))
      await until(() => jobs.every((job) => opened.hasBeen(job, 'SUCCEEDED')), TAKEOVER)
      for (const job of jobs) {
        const { video } = await readJob(opened.apis, job.id)
        expect(video).toMatchObject({ url: `${opened.fal.url}/${opened.fal.requestOf(job.imageUrl)?.id}.mp4`, seed: 1 })
      }
    }
    await opened.verify('A5', { rounds: ROUNDS })
  },
)

row(
  'a worker that wakes from a long sleep writes nothing: another worker has its jobs',
  {
    timeout: roundsMs(45_000),
  },
  async (context) => {
    const opened = await open(context, { fal: { stepMs: 600 } })
    const { workers } = membersOf(opened)
    for (let round = 0; round < ROUNDS; round++) {
      const jobs = await opened.submit(JOBS)
      await until(() => jobs.every((job) => opened.hasBeen(job, 'RUNNING')), { timeoutMs: 20_000 })
      const sleeper = workers[round % 2 === 0 ? 0 : 1]
      sleeper.signal('SIGSTOP')
      await until(() => jobs.every((job) => opened.hasBeen(job, 'SUCCEEDED')), TAKEOVER)
      sleeper.signal('SIGCONT')
      // It has had time to say what it thinks it knows when the next jobs, some of them its own, have ended.
      const next = await opened.submit(JOBS)
      await until(() => next.every((job) => opened.hasBeen(job, 'SUCCEEDED')), TAKEOVER)
    }
    await opened.verify('SIGSTOP', { rounds: ROUNDS })
  },
)

/** Crashes a process on a signal: by an uncaught error, or by an unhandled rejection. */
const BREAKDOWNS = {
  uncaughtException: `throw new Error('nobody catches this')`,
  unhandledRejection: `Promise.reject(new Error('nobody awaits this'))`,
}

row.for(Object.entries(BREAKDOWNS))(
  'A13: a server with an %s logs it, releases its jobs and exits, and they continue',
  { timeout: roundsMs(30_000) },
  async ([event, breakdown], context) => {
    const preload = `process.on('SIGUSR2', () => { ${breakdown} })`
    const rig = await openFaultRig(context, {
      roles: ['api,worker', 'api,worker'],
      fal: { stepMs: 600 },
      environment: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload)}` },
    })
    const rounds = Math.min(ROUNDS, 10)
    for (let round = 0; round < rounds; round++) {
      const broken = rig.members[round % 2]
      if (!broken) throw new Error('the cluster is smaller than asked for')
      const jobs = await rig.submit(JOBS)
      await until(() => jobs.every((job) => rig.hasBeen(job, 'RUNNING')), { timeoutMs: 20_000 })
      expect(await broken.end('SIGUSR2')).toEqual({ code: 1, signal: null })
      const reported = broken
        .output()
        .split('\n')
        .filter((line) => line.includes(`"msg":"${event}"`))
      expect(reported).toHaveLength(Math.floor(round / 2) + 1)
      expect(reported.at(-1)).toMatch(/nobody (catches|awaits) this/)
      await broken.start()
    }
    await rig.verify(`A13 ${event}`, { rounds })
  },
)

/** A JSON response that is cut off after this text. */
function toEndless(text: string): Response {
  const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(Buffer.from(text)) })
  return new Response(body, { headers: { 'content-type': 'application/json' } })
}

/** From now on fal accepts every request, and responds to none until it is released. */
function holdSubmits({ fal }: FaultRig): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  fal.twists.submit = async (_request, usual) => {
    const answer = usual()
    await promise
    return answer
  }
  return () => {
    fal.twists.submit = (_request, usual) => usual()
    resolve()
  }
}
