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
  fal.twists.result = (_request, usual) => usual()
})

afterAll(async () => {
  await rig.close()
  await fal.stop()
})

/** Counts calls, and changes the response of the nth stream. */
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
/** Sends this text, and then nothing until the client disconnects. */
const silentAfter =
  (text: string): Twist =>
  () => {
    const body = new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(text)) })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
/** Sends this text again and again. */
const repeating =
  (text: string): Twist =>
  () => {
    let timer: NodeJS.Timeout
    const body = new ReadableStream({
      start: (controller) => {
        timer = setInterval(() => controller.enqueue(new TextEncoder().encode(text)), 50)
      },
      cancel: () => clearInterval(timer),
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
const endsAfter =
  (text: string): Twist =>
  () =>
    new Response(text, { headers: { 'content-type': 'text/event-stream' } })

async function follow(options: FollowOptions) {
  const { id, context } = await rig.claimJob()
  const reports: string[] = []
  const deps = { ...rig.toDeps(fal.url), onError: (error: unknown) => void reports.push(String(error)) }
  const { requestId } = await deps.fal.submit(DEFAULT_MODEL.endpoint, { image_url: `https://images.test/${id}` })
  await rig.log.append({ jobId: id, claim: context.claim.number, status: 'QUEUED', queuePosition: 2 })
  const job = await rig.db.job.findUniqueOrThrow({ where: { id } })
  const followed = await followRequest(deps, context, { job, model: DEFAULT_MODEL, requestId }, options)
  const updates = await rig.log.read(id, { limit: 100 })
  return { followed, reports, lines: updates.flatMap(({ logs }) => logs.map(({ message }) => message)) }
}

const LINES = Array.from({ length: 6 }, (_, n) => `step ${n + 1}/6`)

test('a working stream is read to its end, and the status is polled before and after it', async () => {
  counting({})
  const { followed, lines } = await follow({})
  expect(followed).toMatchObject({ completed: { state: 'COMPLETED' }, canceled: false })
  expect(calls).toEqual({ status: 2, stream: 1 })
  expect(lines).toEqual(LINES)
})

test('after a broken stream the status is polled, and the stream is opened again', async () => {
  counting({ 1: endsAfter(events({ status: 'IN_QUEUE', queue_position: 1, logs: [] })), 2: endsAfter('<html>') })
  const { followed, lines } = await follow({ streamDelayMs: () => 50 })
  expect(followed).toMatchObject({ completed: { state: 'COMPLETED' } })
  expect(calls.stream).toBeGreaterThanOrEqual(2)
  expect(lines).toEqual(LINES)
})

test('a silent stream is replaced by polls', async () => {
  counting({ 1: silentAfter(events({ status: 'IN_QUEUE', queue_position: 1, logs: [] })) })
  const { followed, lines } = await follow({ quietMs: 600, streamDelayMs: () => 60_000 })
  expect(followed).toMatchObject({ completed: { state: 'COMPLETED' } })
  // The poll had a change that the stream left out: the stream is not trusted again.
  expect(calls.stream).toBe(1)
  expect(lines).toEqual(LINES)
})

test('a stream that repeats itself is replaced by polls', async () => {
  const stale = events({ status: 'IN_QUEUE', queue_position: 1, logs: [] })
  counting({ 1: repeating(stale) })
  const { followed, lines } = await follow({ quietMs: 600, streamDelayMs: () => 60_000 })
  expect(followed).toMatchObject({ completed: { state: 'COMPLETED' } })
  expect(calls.stream).toBe(1)
  expect(lines).toEqual(LINES)
})

test('a stream that repeats all lines in each event adds each line once', async () => {
  const lines = Array.from({ length: 6 }, (_, n) => ({
    message: `step ${n + 1}/6`,
    timestamp: `2026-11-22T10:00:0${n}`,
  }))
  const all = [1, 2, 2, 3, 6].map((count) => ({ status: 'IN_PROGRESS', logs: lines.slice(0, count) }))
  counting({ 1: endsAfter(events(...all, { status: 'COMPLETED', logs: lines })) })
  fal.twists.status = () => Response.json({ status: calls.stream === 0 ? 'IN_PROGRESS' : 'COMPLETED', logs: [] })
  const { followed, lines: recorded } = await follow({})
  expect(followed).toMatchObject({ completed: { state: 'COMPLETED' } })
  expect(recorded).toEqual(LINES)
})

test('a status in lower case counts as well', async () => {
  counting({ 1: endsAfter('') })
  fal.twists.status = () => Response.json({ status: 'completed' })
  expect((await follow({})).followed).toMatchObject({ completed: { state: 'COMPLETED' } })
})

test('a request that fal does not know for a moment is polled again; for longer, its result has expired', async () => {
  const unknown = () => Response.json({ status: 'NOT_FOUND' }, { status: 404 })
  counting({ 1: endsAfter('') })
  fal.twists.status = (_request, usual) => (++calls.status <= 3 ? unknown() : usual())
  expect((await follow({})).followed).toMatchObject({ completed: { state: 'COMPLETED' } })
  fal.twists.status = unknown
  expect((await follow({ refusalMs: 500 })).followed).toMatchObject({
    ending: { status: 'FAILED', failure: { code: 'RESULT_EXPIRED' } },
  })
})

test('the error page of a proxy before fal is no answer of fal', async () => {
  counting({ 1: endsAfter('') })
  fal.twists.status = (_request, usual) =>
    ++calls.status <= 3 ? new Response('404 page not found', { status: 404 }) : usual()
  expect((await follow({ refusalMs: 0 })).followed).toMatchObject({ completed: { state: 'COMPLETED' } })
})

test('a status that fal keeps refusing ends the job', async () => {
  fal.twists.status = () => Response.json({ detail: 'Gone' }, { status: 410 })
  expect((await follow({ refusalMs: 500 })).followed).toMatchObject({
    ending: { status: 'FAILED', failure: { code: 'PROVIDER_ERROR', retryable: true } },
  })
})

const HTML = () => new Response('<html>Please log in</html>', { headers: { 'content-type': 'text/html' } })

test('when the status cannot be read, the result shows that the request has completed', async () => {
  let resultCalls = 0
  fal.twists.status = HTML
  fal.twists.result = (_request, usual) => (++resultCalls === 2 ? HTML() : usual())
  const { followed } = await follow({ probeMs: 0 })
  expect(followed).toMatchObject({ completed: { state: 'COMPLETED', error: null }, canceled: false })
  // In progress, a page, and then the video: only the video is an end.
  expect(resultCalls).toBeGreaterThan(2)
  resultCalls = 0
  fal.twists.result = () => Response.json({ status: ++resultCalls > 1 ? 'COMPLETED' : 'IN_PROGRESS' })
  const { followed: silent } = await follow({ probeMs: 0, outageMs: 1_500 })
  expect(silent).toMatchObject({ ending: { status: 'FAILED', failure: { code: 'PROVIDER_ERROR' } } })
})

test.each<[string, Twist, string, string | null]>([
  ['a page', HTML, 'PROVIDER_ERROR', '<html>Please log in</html>'],
  ['a page with a 404', () => new Response('no', { status: 404 }), 'PROVIDER_ERROR', 'no'],
  ['a refusal of the key', () => Response.json({ detail: 'no' }, { status: 401 }), 'PROVIDER_AUTH', null],
  ['a 500', () => Response.json({ detail: 'no' }, { status: 500 }), 'PROVIDER_UNAVAILABLE', null],
])('a request whose polls get nothing but %s comes to an end, and is kept', async (_what, twist, code, text) => {
  fal.twists.status = twist
  fal.twists.result = () => Response.json({ detail: 'Request is still in progress' }, { status: 400 })
  const { followed, reports } = await follow({ probeMs: 300, outageMs: 600, reportEveryMs: 0 })
  expect(followed).toMatchObject({
    ending: {
      status: 'FAILED',
      failure: { code, retryable: true, message: expect.stringMatching(/kept/) },
      kept: { text },
    },
  })
  expect(reports.at(-1)).toMatch(/no status for .*, the job is given up:/)
  expect(reports[1]).toMatch(/no status for .*, the job is given up after .* hours:/)
})

test('a result that cannot be read is the answer that is kept', async () => {
  fal.twists.status = HTML
  fal.twists.result = () => new Response("{'video': 'https://fal.media/a.mp4'}")
  expect((await follow({ probeMs: 300, outageMs: 600 })).followed).toMatchObject({
    ending: { failure: { code: 'PROVIDER_ERROR' }, kept: { text: "{'video': 'https://fal.media/a.mp4'}" } },
  })
})

test('a request that fal never completes is canceled at fal, and the job ends', async () => {
  fal.twists.status = () => Response.json({ status: 'IN_PROGRESS' })
  expect((await follow({ unfinishedMs: 0 })).followed).toMatchObject({
    ending: { status: 'FAILED', failure: { code: 'PROVIDER_TIMEOUT' } },
  })
  expect([...fal.requests.values()].at(-1)?.canceledAt).not.toBeNull()
})

test('a stream that has less than the poll changes nothing', async () => {
  const early = events({ status: 'IN_PROGRESS', logs: [] }, { status: 'IN_QUEUE', queue_position: 7, logs: [] })
  counting({ 1: endsAfter(early), 2: endsAfter(early) })
  const { lines } = await follow({ streamDelayMs: () => 30 })
  expect(lines).toEqual(LINES)
})

test('a refused stream loses no line, and is not opened more often than the back-off allows', async () => {
  const refused: Twist = () => Response.json({ detail: 'Not Found' }, { status: 404 })
  counting({ 1: refused, 2: refused, 3: refused })
  const { followed } = await follow({ streamDelayMs: () => 60_000 })
  expect(followed).toMatchObject({ completed: { state: 'COMPLETED' } })
  expect(calls.stream).toBe(1)
  await until(() => calls.status > 1)
})

test('subscribers are notified once when fal stops answering, and once when it answers again', async () => {
  counting({ 1: endsAfter('<html>') })
  let failures = 3
  fal.twists.status = (_request, usual) =>
    failures-- > 0 ? Response.json({ detail: 'Invalid key' }, { status: 401 }) : usual()
  const { lines } = await follow({ noticeMs: 0 })
  const notices = lines.filter((line) => !LINES.includes(line))
  expect(notices).toEqual([
    'Calls to fal about this request fail: Invalid key. They are retried; nothing is submitted twice.',
    'Calls to fal about this request succeed again.',
  ])
})
