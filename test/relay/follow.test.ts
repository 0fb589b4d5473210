import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { DEFAULT_MODEL } from '../../src/jobs/models.ts'
import { type FollowOptions, followRequest } from '../../src/relay/follow.ts'
import { type FakeFal, startFakeFal, type Twist } from '../faults/fake-fal.ts'
import { until } from '../helpers/until.ts'
import { openRelayRig, type RelayRig } from './rig.ts'

let rig: RelayRig
let fal: FakeFal
const calls = { status: 0, stream: 0 }

beforeAll(async () => {
  rig = await openRelayRig()
  fal = await startFakeFal({ stepMs: 250 })
})

afterEach(() => {
  counting({})
})

afterAll(async () => {
  await rig.close()
  await fal.stop()
})

/** Counts calls, and twists the nth stream. */
function counting(streams: Record<number, Twist>): void {
  calls.status = 0
  calls.stream = 0
  fal.twists.status = (_request, usual) => {
    calls.status++
    return usual()
  }
  fal.twists.stream = (request, usual, cut) => streams[++calls.stream]?.(request, usual, cut) ?? usual()
}

const events = (...statuses: object[]) => statuses.map((status) => `data: ${JSON.stringify(status)}\n\n`).join('')
/** Says this, and then nothing for as long as it is listened to. */
const silentAfter =
  (text: string): Twist =>
  () => {
    const body = new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(text)) })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
const endsAfter =
  (text: string): Twist =>
  () =>
    new Response(text, { headers: { 'content-type': 'text/event-stream' } })

async function follow(options: FollowOptions) {
  const { id, hold } = await rig.claimJob()
  const deps = rig.toDeps(fal.url)
  const { requestId } = await deps.fal.submit(DEFAULT_MODEL.endpoint, { image_url: `https://pictures.test/${id}` })
  await rig.log.append({ jobId: id, claim: hold.claim.number, status: 'QUEUED', queuePosition: 2 })
  const job = await rig.db.job.findUniqueOrThrow({ where: { id } })
  const followed = await followRequest(deps, hold, { job, model: DEFAULT_MODEL, requestId }, options)
  const updates = await rig.log.read(id, { limit: 100 })
  return { followed, lines: updates.flatMap(({ logs }) => logs.map(({ message }) => message)) }
}

const LINES = Array.from({ length: 6 }, (_, n) => `step ${n + 1}/6`)

test('a stream that works is listened to: the status is asked for before and after it', async () => {
  counting({})
  const { followed, lines } = await follow({})
  expect(followed).toMatchObject({ completed: { state: 'COMPLETED' }, canceled: false })
  expect(calls).toEqual({ status: 2, stream: 1 })
  expect(lines).toEqual(LINES)
})

test('after a stream that broke the status is asked for, and the stream is tried again', async () => {
  counting({ 1: endsAfter(events({ status: 'IN_QUEUE', queue_position: 1, logs: [] })), 2: endsAfter('<html>') })
  const { followed, lines } = await follow({ streamAgainMs: () => 50 })
  expect(followed).toMatchObject({ completed: { state: 'COMPLETED' } })
  expect(calls.stream).toBeGreaterThanOrEqual(2)
  expect(lines).toEqual(LINES)
})

test('behind a stream that falls silent the status is looked for', async () => {
  counting({ 1: silentAfter(events({ status: 'IN_QUEUE', queue_position: 1, logs: [] })) })
  const { followed, lines } = await follow({ quietMs: 600, streamAgainMs: () => 60_000 })
  expect(followed).toMatchObject({ completed: { state: 'COMPLETED' } })
  // What the status knew the stream had kept to itself: it was not trusted again.
  expect(calls.stream).toBe(1)
  expect(lines).toEqual(LINES)
})

test('a stream that says less than is known changes nothing', async () => {
  const early = events({ status: 'IN_PROGRESS', logs: [] }, { status: 'IN_QUEUE', queue_position: 7, logs: [] })
  counting({ 1: endsAfter(early), 2: endsAfter(early) })
  const { lines } = await follow({ streamAgainMs: () => 30 })
  expect(lines).toEqual(LINES)
})

test('while the stream is refused nothing is lost, and it is not asked for more often than agreed', async () => {
  const refused: Twist = () => Response.json({ detail: 'Not Found' }, { status: 404 })
  counting({ 1: refused, 2: refused, 3: refused })
  const { followed } = await follow({ streamAgainMs: () => 60_000 })
  expect(followed).toMatchObject({ completed: { state: 'COMPLETED' } })
  expect(calls.stream).toBe(1)
  await until(() => calls.status > 1)
})
