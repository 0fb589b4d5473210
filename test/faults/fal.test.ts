import { expect, type TestContext, test } from 'vitest'
import type { FaultMode } from '../helpers/fault-proxy.ts'
import { until } from '../helpers/until.ts'
import { readJob } from './client.ts'
import type { FakeFal, Twist } from './fake-fal.ts'
import { type FaultRig, type FaultRigOptions, LONG, openFaultRig, ROUNDS, roundsMs, TAKEOVER } from './rig.ts'

// Each row has its own server and mostly waits.
const row = test.concurrent

function open(context: TestContext, options: Partial<FaultRigOptions> = {}): Promise<FaultRig> {
  return openFaultRig(context, { roles: ['api,worker'], ...options })
}

/** The response is lost. */
const cutOff: Twist = (_request, _usual, cut) => {
  cut()
  return new Response()
}
/** fal has accepted the request, but responds with something else. */
const takenBut =
  (twist: Twist): Twist =>
  (request, usual, cut) => {
    usual()
    return twist(request, usual, cut)
  }
const AS_USUAL: Twist = (_request, usual) => usual()
const html: Twist = () => new Response('<html><body>502 Bad Gateway</body></html>', { headers: HTML })
const HTML = { 'content-type': 'text/html' }
const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  Response.json(body, { status, headers })

// First, because it waits longest.
row(
  'B8: a result that answers 5xx, 504 and 429 is read again; one that fal has deleted is RESULT_EXPIRED',
  {
    timeout: 150_000,
  },
  async (context) => {
    const rig = await open(context)
    const failures = [() => json(500, {}), () => json(504, { detail: 'Gateway Timeout' }), () => json(429, {}), html]
    const asked = new Map<string, number>()
    rig.fal.twists.result = (request, usual, cut) => {
      const count = asked.get(request.id) ?? 0
      asked.set(request.id, count + 1)
      return (failures[count] as Twist | undefined)?.(request, usual, cut) ?? usual()
    }
    const jobs = await rig.submit(3)
    await until(() => jobs.every((job) => rig.hasBeen(job, 'SUCCEEDED')), { timeoutMs: 30_000 })
    rig.fal.twists.result = () => json(404, { detail: 'Not Found' })
    const [gone] = await rig.submit(1)
    await until(() => gone && rig.hasBeen(gone, 'FAILED'), { timeoutMs: 60_000 })
    expect((await readJob(rig.apis, gone?.id ?? '')).failure?.code).toBe('RESULT_EXPIRED')
    rig.fal.twists.result = AS_USUAL
    rig.fal.twists.status = () => json(404, { status: 'NOT_FOUND' })
    rig.fal.twists.stream = () => json(404, { status: 'NOT_FOUND' })
    const [forgotten] = await rig.submit(1)
    await until(() => forgotten && rig.hasBeen(forgotten, 'FAILED'), { timeoutMs: 60_000 })
    expect((await readJob(rig.apis, forgotten?.id ?? '')).failure?.code).toBe('RESULT_EXPIRED')
    await rig.verify('B8')
  },
)

row(
  'B1: while fal is unreachable jobs wait, and continue within 10 s of its return',
  {
    timeout: roundsMs(90_000),
  },
  async (context) => {
    const rig = await open(context)
    const awayMs = LONG ? 60_000 : 5_000
    const backMs: number[] = []
    const rounds = Math.min(ROUNDS, 3)
    for (let round = 0; round < rounds; round++) {
      setFalProxies(rig, 'refuse')
      const jobs = await rig.submit(5)
      const awaySince = Date.now()
      await until(() => Date.now() - awaySince > awayMs, { timeoutMs: awayMs + 1_000, everyMs: 100 })
      expect(jobs.every((job) => !rig.hasBeen(job, 'FAILED'))).toBe(true)
      setFalProxies(rig, 'pass')
      const backAt = Date.now()
      await until(() => jobs.some(({ imageUrl }) => rig.fal.posts.has(imageUrl)), { timeoutMs: 10_000 })
      backMs.push(Date.now() - backAt)
      await until(() => jobs.every((job) => rig.hasBeen(job, 'SUCCEEDED')), TAKEOVER)
    }
    await rig.verify('B1', { rounds, 'longest return ms': Math.max(...backMs) })
  },
)

row('B1: when fal becomes unreachable in the middle of a job, the job waits', { timeout: 60_000 }, async (context) => {
  const rig = await open(context, { fal: { stepMs: 200 } })
  const jobs = await rig.submit(5)
  await until(() => jobs.every((job) => rig.hasBeen(job, 'RUNNING')))
  setFalProxies(rig, 'refuse')
  const awaySince = Date.now()
  await until(() => Date.now() - awaySince > 4_000, { timeoutMs: 5_000, everyMs: 100 })
  setFalProxies(rig, 'pass')
  await until(() => jobs.every((job) => rig.hasBeen(job, 'SUCCEEDED')), { timeoutMs: 15_000 })
  await rig.verify('B1 in the middle of a job')
})

/** A submit with an unknown outcome: fal may or may not have accepted it. */
const UNTOLD: [string, Twist][] = [
  ['a cut connection', takenBut(cutOff)],
  ['502', () => new Response('Bad Gateway', { status: 502 })],
  ['503', takenBut(() => new Response('Service Unavailable', { status: 503 }))],
  ['504', takenBut(() => new Response('Gateway Timeout', { status: 504 }))],
  ['500', () => json(500, { detail: 'Internal Server Error' })],
  ['HTML', html],
  [
    'truncated JSON',
    () => new Response('{"status":"IN_QUEUE","request_id":"4', { headers: { 'content-type': 'application/json' } }),
  ],
  ['no request id', () => json(200, { status: 'IN_QUEUE' })],
  ['a request id that is a path', () => json(200, { status: 'IN_QUEUE', request_id: '../../x' })],
  ['an empty answer', () => new Response(null, { status: 200 })],
]

row(
  'B2, B5: a submit that ends in a cut, a 5xx or nonsense is sent once, and fails with SUBMIT_UNKNOWN',
  {
    timeout: roundsMs(40_000),
  },
  async (context) => {
    const rig = await open(context)
    for (let round = 0; round < ROUNDS; round++)
      for (const [name, twist] of UNTOLD) {
        rig.fal.twists.submit = twist
        const jobs = await rig.submit(2)
        await until(() => jobs.every((job) => rig.hasBeen(job, 'FAILED')), {
          timeoutMs: 20_000,
          what: `the end (${name})`,
        })
        for (const job of jobs) {
          expect(rig.fal.posts.get(job.imageUrl), name).toBe(1)
          const { failure } = await readJob(rig.apis, job.id)
          expect(failure, name).toMatchObject({ code: 'SUBMIT_UNKNOWN', retryable: true })
        }
        // Closes the circuit breaker, whose pauses would grow otherwise.
        rig.fal.twists.submit = AS_USUAL
        const [good] = await rig.submit(1)
        await until(() => good && rig.fal.posts.has(good.imageUrl))
      }
    await rig.verify('B2, B5 submits', { rounds: ROUNDS })
  },
)

row(
  'B2: a submit without a response is given up after 30 s, and not repeated',
  { timeout: 90_000 },
  async (context) => {
    const rig = await open(context)
    const { promise, resolve } = Promise.withResolvers<Response>()
    context.onTestFinished(() => resolve(new Response()))
    rig.fal.twists.submit = () => promise
    const [job] = await rig.submit(1)
    if (!job) throw new Error('no job')
    await until(() => rig.hasBeen(job, 'FAILED'), { timeoutMs: 40_000 })
    expect((await readJob(rig.apis, job.id)).failure?.code).toBe('SUBMIT_UNKNOWN')
    await rig.verify('B2 never answered')
  },
)

row('B3: 429 pauses submits, with one call per pause, and fails no job', { timeout: 60_000 }, async (context) => {
  const rig = await open(context)
  const windows: [Record<string, string>, number][] = [
    [{ 'retry-after': '2' }, 2_000],
    [{}, 250],
  ]
  for (const [headers, leastMs] of windows) {
    rig.fal.refusals.length = 0
    rig.fal.twists.submit = (_request, usual) =>
      rig.fal.refusals.length < 3 ? json(429, { detail: 'Too many requests' }, headers) : usual()
    const first = await rig.submit(1)
    await until(() => rig.fal.refusals.length > 0)
    // Jobs submitted while the window is closed wait as well.
    const jobs = [...first, ...(await rig.submit(8))]
    await until(() => jobs.every((job) => rig.hasBeen(job, 'SUCCEEDED')), { timeoutMs: 25_000 })
    const { refusals } = rig.fal
    expect(refusals).toHaveLength(3)
    for (const [n, { at }] of refusals.entries()) {
      const before = refusals[n - 1]
      if (before) expect(at - before.at, 'between two tries').toBeGreaterThanOrEqual(leastMs - 50)
    }
  }
  await rig.verify('B3')
})

row(
  'B4: a key that fal rejects pauses all submits, fails no job, is reported, and never appears in a text',
  {
    timeout: 60_000,
  },
  async (context) => {
    const rig = await open(context)
    rig.fal.twists.submit = () => json(401, { detail: 'No user found for Key ID and Secret' })
    // Only one: of many, some would be in flight when the first response arrives.
    const alone = await rig.submit(1)
    const [url = ''] = rig.apis
    const ready = await until(async () => {
      const body = (await (await fetch(`${url}/readyz`)).json()) as { warnings: string[] }
      return body.warnings.length > 0 ? body : null
    })
    expect(ready.warnings[0]).toContain('paused')
    const refusedBy = rig.fal.refusals.length
    const jobs = [...alone, ...(await rig.submit(39))]
    // One at a time, at least 250, 500, 1,000 … ms apart, however many wait.
    const [first] = rig.fal.refusals
    const mostLooks = 1 + Math.floor(Math.log2((Date.now() - (first?.at ?? 0)) / 250 + 1))
    expect(rig.fal.refusals.length - refusedBy).toBeLessThanOrEqual(mostLooks)
    const [member] = rig.members
    expect(member?.output()).toContain('set FAL_KEY')
    expect(member?.output()).not.toContain('fal-key-of-the-rig')
    expect(jobs.some((job) => rig.hasBeen(job, 'FAILED'))).toBe(false)
    rig.fal.twists.submit = AS_USUAL
    await until(() => jobs.every((job) => rig.hasBeen(job, 'SUCCEEDED')), { timeoutMs: 40_000 })
    await rig.verify('B4')
  },
)

row(
  'B4: an input that fal rejects fails the job at once, under the field name of the API',
  { timeout: 30_000 },
  async (context) => {
    const rig = await open(context)
    rig.fal.twists.submit = () =>
      json(422, { detail: [{ loc: ['body', 'motion_bucket_id'], msg: 'too large', type: 'less_than_equal' }] })
    const [job] = await rig.submit(1)
    if (!job) throw new Error('no job')
    await until(() => rig.hasBeen(job, 'FAILED'))
    const { failure } = await readJob(rig.apis, job.id)
    expect(failure).toMatchObject({ code: 'INPUT_REJECTED', issues: [{ path: ['input', 'motionBucketId'] }] })
    await rig.verify('B4 refused input')
  },
)

/** Ways in which a status stream breaks without an end of the request. */
const STREAMS: [string, (fal: FakeFal) => Twist][] = [
  ['HTML', () => html],
  ['empty', () => () => stream([])],
  ['an early end', () => () => stream([IN_QUEUE])],
  ['a bad event', () => () => stream(['data: {"status":\n\n'])],
  ['a cut in mid-line', () => () => stream([IN_QUEUE, 'data: {"status":"COMPL'])],
  [
    'split UTF-8',
    () => () => stream([IN_QUEUE, Buffer.from('data: {"status":"IN_PROGRESS","logs":[{"message":"ü').subarray(0, -1)]),
  ],
  ['a state that goes back', () => () => stream([toEvent({ status: 'IN_PROGRESS', logs: [] }), IN_QUEUE])],
  ['404', () => () => json(404, { detail: 'Not Found' })],
  ['a cut connection', () => cutOff],
  ['silence from the start', () => () => stream([], { stays: true })],
]
const IN_QUEUE = toEvent({ status: 'IN_QUEUE', queue_position: 1, logs: [] })

row(
  'B5, B6: a status stream that breaks in any way does not end the job: it is polled, and ends as fal reports',
  {
    timeout: roundsMs(30_000),
  },
  async (context) => {
    const rig = await open(context, { fal: { stepMs: 100 } })
    const pollMs: number[] = []
    for (const [name, toTwist] of STREAMS) {
      const [askedAt, polledAt] = [new Map<string, number>(), new Map<string, number>()]
      const twist = toTwist(rig.fal)
      rig.fal.twists.stream = (request, usual, cut) => {
        if (!askedAt.has(request.id)) askedAt.set(request.id, Date.now())
        return twist(request, usual, cut)
      }
      rig.fal.twists.status = (request, usual) => {
        if (askedAt.has(request.id) && !polledAt.has(request.id)) polledAt.set(request.id, Date.now())
        return usual()
      }
      const jobs = await rig.submit(3)
      await until(() => jobs.every((job) => rig.hasBeen(job, 'SUCCEEDED')), {
        timeoutMs: 20_000,
        what: `the end (${name})`,
      })
      for (const [id, at] of askedAt) pollMs.push((polledAt.get(id) ?? Number.POSITIVE_INFINITY) - at)
    }
    // Up to 5 s of silence, plus the delay of a busy machine.
    expect(Math.max(...pollMs)).toBeLessThan(6_500)
    await rig.verify('B6', { 'longest fall-back ms': Math.max(...pollMs) })
  },
)

test.skipIf(!LONG)(
  'B6: a stream that goes silent is polled within 60 s (long form: it takes that long)',
  { concurrent: true, timeout: 180_000 },
  async (context) => {
    const rig = await open(context, { fal: { stepMs: 500 } })
    rig.fal.twists.stream = () => stream([toEvent({ status: 'IN_PROGRESS', logs: [] })], { stays: true })
    const jobs = await rig.submit(3)
    const since = Date.now()
    await until(() => jobs.every((job) => rig.hasBeen(job, 'SUCCEEDED')), { timeoutMs: 130_000, everyMs: 50 })
    await rig.verify('B6 silent', { 'longest end ms': Date.now() - since })
  },
)

row('B5: a status that is HTML, cut or 5xx for a while is polled again', { timeout: 60_000 }, async (context) => {
  const rig = await open(context, { fal: { stepMs: 100 } })
  const nonsense: Twist[] = [
    html,
    () => new Response('{"status":"COMP', { headers: { 'content-type': 'application/json' } }),
    () => new Response('', { status: 503 }),
    cutOff,
    () => json(429, {}, { 'retry-after': '1' }),
    () => json(200, { status: 'COMPLETE' }),
  ]
  rig.fal.twists.stream = html
  let calls = 0
  rig.fal.twists.status = (request, usual, cut) => {
    const twist = calls++ % 2 === 0 ? nonsense[((calls / 2) % nonsense.length) | 0] : undefined
    return twist ? twist(request, usual, cut) : usual()
  }
  const jobs = await rig.submit(4)
  await until(() => jobs.every((job) => rig.hasBeen(job, 'SUCCEEDED')), { timeoutMs: 40_000 })
  await rig.verify('B5 statuses')
})

row(
  'B9: a result without a video, or with one at an address that is not fal’s, fails the job with a code',
  {
    timeout: 60_000,
  },
  async (context) => {
    const rig = await open(context)
    const results = [
      {},
      { video: null },
      { video: { url: '' } },
      { video: { url: 'javascript:alert(1)' } },
      { video: { url: 'http://169.254.169.254/latest/meta-data' } },
      { video: { url: 'http://10.0.0.1/clip.mp4' } },
      { video: { url: 'file:///etc/passwd' } },
      { video: { url: 'http://127.0.0.1@images.test/clip.mp4' } },
      [],
      'clip.mp4',
    ]
    for (const result of results) {
      rig.fal.twists.result = () => json(200, result)
      const [job] = await rig.submit(1)
      await until(() => job && rig.hasBeen(job, 'FAILED'), {
        what: `the end (${JSON.stringify(result)})`,
        timeoutMs: 10_000,
      })
      expect((await readJob(rig.apis, job?.id ?? '')).failure?.code).toBe('RESULT_REFUSED')
    }
    await rig.verify('B9')
  },
)

function setFalProxies({ members }: FaultRig, mode: FaultMode): void {
  for (const { fal } of members) fal.mode = mode
}

function toEvent(status: unknown): string {
  return `data: ${JSON.stringify(status)}\n\n`
}

/** A status stream of these chunks that then ends, or stays open in silence. */
function stream(pieces: (string | Uint8Array)[], { stays = false } = {}): Response {
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const piece of pieces) controller.enqueue(typeof piece === 'string' ? encoder.encode(piece) : piece)
      if (!stays) controller.close()
    },
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}
