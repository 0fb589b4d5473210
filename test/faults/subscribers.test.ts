import { randomUUID } from 'node:crypto'
import { createClient } from 'graphql-ws'
import { expect, type TestContext, test } from 'vitest'
import { WebSocket } from 'ws'
import { GenerateVideoDocument } from '../../operations/generated/graphql.ts'
import { request } from '../helpers/graphql-client.ts'
import { createSeeded } from '../helpers/seeded.ts'
import { until } from '../helpers/until.ts'
import { createImageUrl, generate, watchJob } from './client.ts'
import type { FakeRequest } from './fake-fal.ts'
import { type FaultRig, type FaultRigOptions, LONG, medianOf, openFaultRig, ROUNDS, roundsMs } from './rig.ts'

const row = test.concurrent
const SEED = Number(process.env.TEST_SEED ?? 20261123)
const ENDED = new Set(['SUCCEEDED', 'FAILED', 'CANCELED'])

function open(context: TestContext, options: Partial<FaultRigOptions> = {}): Promise<FaultRig> {
  return openFaultRig(context, { roles: ['api', 'api', 'worker'], ...options })
}

// Runs alone: its mutations must meet a draining server, not an overloaded one.
test('A11: a server that is stopped finishes its requests, makes its subscribers reconnect, and exits 0', {
  timeout: roundsMs(90_000),
}, async (context) => {
  const rig = await open(context, { roles: ['api,worker', 'api,worker'], fal: { stepMs: 150 } })
  const tookMs: number[] = []
  let sent = 0
  const rounds = Math.min(ROUNDS, 10)
  for (let round = 0; round < rounds; round++) {
    const [leaving, staying] = round % 2 === 0 ? rig.members : rig.members.toReversed()
    if (!leaving || !staying) throw new Error('the cluster is smaller than asked for')
    const jobs = await rig.submit(10)
    const watchers = jobs.flatMap(({ id }) =>
      Array.from({ length: LONG ? 40 : 20 }, () => watchJob([leaving.url, staying.url], id)),
    )
    await until(() => watchers.every(({ transcript }) => transcript.updates.length > 0), { timeoutMs: 60_000 })
    const inFlight = Array.from({ length: 50 }, () => requestVideo(leaving.url))
    // The last of them has been sent when the signal arrives.
    await Promise.race(inFlight)
    const since = performance.now()
    const how = await leaving.end('SIGTERM')
    tookMs.push(Math.round(performance.now() - since))
    expect(how).toEqual({ code: 0, signal: null })
    const answers = await Promise.allSettled(inFlight)
    // An accepted request gets its job or, after too long a wait for a connection, SERVICE_UNAVAILABLE. The others had not
    // arrived.
    const answered = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [toResponse(answer.value)] : []))
    expect(answered.filter((text) => text !== 'GenerateVideoSuccess' && text !== 'SERVICE_UNAVAILABLE')).toEqual([])
    expect(answered).toContain('GenerateVideoSuccess')
    sent += answered.length
    const transcripts = await Promise.all(watchers.map(({ done }) => done))
    for (const { updates, closes } of transcripts) {
      const sequences = updates.map(({ sequence }) => sequence)
      expect(sequences).toEqual(sequences.map((_, n) => (sequences[0] ?? 0) + n))
      if (closes.length > 0) expect(closes).toEqual([1012])
    }
    expect(transcripts.some(({ closes }) => closes.length > 0)).toBe(true)
    await leaving.start()
  }
  await until(async () => (await rig.count(`"Job" WHERE "finishedAt" IS NULL`)) === 0, { timeoutMs: 30_000 })
  await rig.verify('A11', { rounds, 'answered in flight': sent, 'longest drain ms': Math.max(...tookMs) })
})

/** The outcome of a mutation: the type of its result, or the code of its error. */
function toResponse({ data, errors }: Awaited<ReturnType<typeof requestVideo>>): string {
  return data?.generateVideo.__typename ?? String(errors?.[0]?.extensions?.code)
}

function requestVideo(url: string) {
  return request(url, GenerateVideoDocument, {
    input: { imageUrl: createImageUrl(), idempotencyKey: randomUUID() },
  })
}

/** The updates of one subscription, and their delays in milliseconds. */
interface Received {
  sequences: number[]
  status: string
  lateMs: number[]
}

/**
 * Opens this many subscriptions to one job on one socket; resolves with their ends once each has received the status.
 */
async function watchByMany(
  url: string,
  id: string,
  count: number,
): Promise<{ received: Received[]; ended: Promise<unknown> }> {
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  })
  const query = 'subscription ($id: ID!) { jobProgress(id: $id) { sequence status at } }'
  const received = Array.from({ length: count }, (): Received => ({ sequences: [], status: '', lateMs: [] }))
  const reading = received.map(async (mine) => {
    for await (const { data } of client.iterate<{
      jobProgress: { sequence: number; status: string; at: string }
    }>({ query, variables: { id } })) {
      if (!data) continue
      const { sequence, status, at } = data.jobProgress
      // The first update is the current status, however old.
      if (mine.sequences.length > 0) mine.lateMs.push(Date.now() - Date.parse(at))
      mine.sequences.push(sequence)
      mine.status = status
    }
  })
  const ended = Promise.all(reading).then(() => client.dispose())
  await until(() => received.every(({ sequences }) => sequences.length > 0), { timeoutMs: 30_000 })
  return { received, ended }
}

row(
  'D4: every update of a job, the last included, reaches each of many subscribers once',
  { timeout: 300_000 },
  async (context) => {
    const rig = await open(context, { fal: { stepMs: 400 } })
    const [, second = ''] = rig.apis
    const requests: FakeRequest[] = []
    // The request stays queued until all of them have subscribed.
    rig.fal.twists.submit = (request, usual) => {
      requests.push(request)
      request.acceptedAt = Number.POSITIVE_INFINITY
      return usual()
    }
    const { id } = await generate(rig.apis)
    const watched: Awaited<ReturnType<typeof watchByMany>>[] = []
    for (let socket = 0; socket < (LONG ? 50 : 10); socket++) watched.push(await watchByMany(second, id, 100))
    await until(() => requests.length > 0)
    for (const request of requests) request.acceptedAt = Date.now()
    await Promise.all(watched.map(({ ended }) => ended))
    const received = watched.flatMap((socket) => socket.received)
    for (const { sequences, status } of received) {
      expect(sequences).toEqual(sequences.map((_, n) => (sequences[0] ?? 0) + n))
      expect(status).toBe('SUCCEEDED')
    }
    const late = received.flatMap(({ lateMs }) => lateMs).toSorted((a, b) => a - b)
    await rig.verify('D4', {
      subscribers: received.length,
      'median ms': medianOf(late),
      'p99 ms': late[Math.floor(late.length * 0.99)] ?? 0,
    })
  },
)

row(
  `D4: a subscription opened while a job ends receives its end (seed ${SEED})`,
  { timeout: 300_000 },
  async (context) => {
    const rig = await open(context, { fal: { stepMs: 20 } })
    const random = createSeeded(SEED)
    const rounds = LONG ? 60 : 10
    let seen = 0
    for (let round = 0; round < rounds; round++) {
      const jobs = await Promise.all(Array.from({ length: 10 }, () => generate(rig.apis)))
      const watchers = jobs.flatMap(({ id }) =>
        Array.from({ length: 5 }, async (_, n) => {
          await new Promise((resolve) => setTimeout(resolve, random.whole(0, 500)))
          return await watchJob([rig.apis[n % 2] ?? ''], id).done
        }),
      )
      for (const { updates } of await Promise.all(watchers)) {
        expect(ENDED.has(updates.at(-1)?.status ?? '')).toBe(true)
        seen++
      }
    }
    await rig.verify('D4 subscribe racing the end', { rounds, subscriptions: seen })
  },
)

row(
  'D10: the subscribers of a killed server resume at another, without gap or repeat',
  {
    timeout: roundsMs(90_000),
  },
  async (context) => {
    const rig = await open(context, { fal: { stepMs: 1_000 } })
    const backMs: number[] = []
    const count = LONG ? 100 : 30
    const rounds = Math.min(ROUNDS, 10)
    for (let round = 0; round < rounds; round++) {
      const [dying, other] = round % 2 === 0 ? rig.members : [rig.members[1], rig.members[0]]
      if (!dying || !other) throw new Error('the cluster is smaller than asked for')
      const jobs = await Promise.all(Array.from({ length: 10 }, () => generate([other.url])))
      const watchers = jobs.flatMap(({ id }) =>
        Array.from({ length: count }, () => watchJob([dying.url, other.url], id)),
      )
      await until(() => watchers.every(({ transcript }) => transcript.updates.length > 0), { timeoutMs: 60_000 })
      await dying.end('SIGKILL')
      const killedAt = Date.now()
      const transcripts = await Promise.all(watchers.map(({ done }) => done))
      for (const { updates } of transcripts) {
        const sequences = updates.map(({ sequence }) => sequence)
        expect(sequences).toEqual(sequences.map((_, n) => (sequences[0] ?? 0) + n))
        backMs.push((updates.find(({ at }) => at > killedAt)?.at ?? Number.POSITIVE_INFINITY) - killedAt)
      }
      await dying.start()
    }
    expect(Math.max(...backMs)).toBeLessThan(15_000)
    await rig.verify('D10', { rounds, subscribers: 10 * count * rounds, 'longest return ms': Math.max(...backMs) })
  },
)

row(
  'I1: 50 equal calls at once on two servers create one job and one request; another input is a conflict',
  {
    timeout: roundsMs(5_000),
  },
  async (context) => {
    const rig = await open(context)
    for (let round = 0; round < ROUNDS; round++) {
      const input = { imageUrl: createImageUrl(), idempotencyKey: randomUUID() }
      const jobs = await Promise.all(Array.from({ length: 50 }, (_, n) => generate([rig.apis[n % 2] ?? ''], input)))
      expect(new Set(jobs.map(({ id }) => id)).size).toBe(1)
      const { data } = await request(rig.apis[0] ?? '', GenerateVideoDocument, {
        input: { ...input, imageUrl: createImageUrl() },
      })
      expect(data.generateVideo).toMatchObject({ __typename: 'IdempotencyConflictError', job: { id: jobs[0]?.id } })
      if (jobs[0]) rig.watch(jobs[0])
      await until(() => jobs[0] && rig.hasBeen(jobs[0], 'SUCCEEDED'), { timeoutMs: 20_000 })
      expect(rig.fal.posts.get(input.imageUrl)).toBe(1)
    }
    await rig.verify('I1', { rounds: ROUNDS, calls: ROUNDS * 50 })
  },
)
