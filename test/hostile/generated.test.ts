import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeConversation } from './frames.ts'
import { makeHttpRequest } from './http-requests.ts'
import { judgeErrors, judgeExchange, judgeLog, judgeText } from './oracle.ts'
import { type HostileRig, judgeBystander, MAX_MEMORY_MB, openHostileRig, settle } from './production-rig.ts'
import { exchange } from './raw-http.ts'
import { converse, type Heard } from './raw-websocket.ts'
import { COUNT, SEED, storm } from './storm.ts'

/** Within this everything that ends is answered, or closed, in milliseconds. */
const ANSWER_MS = 15_000
/** What never ends is left after this, in milliseconds: the server's own times for it are longer. */
const UNFINISHED_MS = 100
/**
 * The longest that anybody else may wait for a cheap query, in milliseconds. The short form runs where other things are
 * at work as well, and only finds what blocks the server for long.
 */
const MAX_WAIT_MS = COUNT >= 100_000 ? 1000 : 3000
/** Items of a run that only warms up: code is compiled, and caches fill. */
const WARM_UP = 400
/** A run that takes longer is too slow, in milliseconds. */
const MAX_RUN_MS = 120_000 + COUNT * 4
const LANES = 16
/** How much of an item a violation shows; its number makes all of it again. */
const SHOWN_BYTES = 1500
/** Log lines that there may be: some kinds of lines, each once a minute, and those of the start. */
const maxLines = () => 60 + 20 * Math.ceil(performance.now() / 60_000)

/** How a server may close a socket on somebody who breaks the rules; never by 1011 or 4500, which say that it broke. */
const CLOSE_CODES = [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1013, 4400, 4401, 4406, 4408, 4409, 4429]
/** A code of the sender's own, which RFC 6455 wants to be repeated. */
const SENT_CODE = 4000
const SOCKET_MESSAGES = ['connection_ack', 'ping', 'pong', 'next', 'error', 'complete']

let rig: HostileRig

beforeAll(async () => {
  rig = await openHostileRig()
}, 60_000)

afterAll(() => rig.stop())

function sendRequests(seed: number, count: number, deadline = Number.POSITIVE_INFINITY) {
  return storm({
    lanes: LANES,
    seed,
    count,
    make: (choose) => ({ request: makeHttpRequest(choose, rig.world, rig.host), reset: choose.chance(0.5) }),
    send: async ({ request, reset }) => {
      const timeoutMs = request.isWhole ? ANSWER_MS : UNFINISHED_MS
      return judgeExchange(await exchange(rig.port, request, { timeoutMs, reset }), {
        ...request,
        secrets: rig.secrets,
      })
    },
    show: ({ request }) => Buffer.concat(request.pieces).subarray(0, SHOWN_BYTES).toString('latin1'),
    isOver: () => rig.hasExited || performance.now() > deadline,
  })
}

function sendFrames(seed: number, count: number, deadline = Number.POSITIVE_INFINITY) {
  return storm({
    lanes: LANES,
    seed,
    count,
    make: (choose) => makeConversation(choose, rig.world, rig.host),
    send: async (conversation) => {
      const heard = await converse(rig.port, conversation, { timeoutMs: ANSWER_MS })
      return judgeHeard(heard, conversation.isWellFramed)
    },
    show: ({ handshake, frames }) =>
      Buffer.concat([handshake, ...frames.map(unmask)])
        .subarray(0, SHOWN_BYTES)
        .toString('latin1'),
    weigh: ({ frames }) => Math.max(1, frames.length),
    isOver: () => rig.hasExited || performance.now() > deadline,
  })
}

/** As a person reads it; frames that are cut or odd come out as they are. */
function unmask(frame: Buffer): Buffer {
  const size = ((frame[1] ?? 0) & 0x7f) === 126 ? 4 : 2
  const payload = frame.subarray(size + 4).map((byte, n) => byte ^ ((n % 4) + 1))
  return Buffer.concat([Buffer.from('\n'), Buffer.from(payload)])
}

function judgeHeard({ outcome, status, messages, closeCode }: Heard, isWellFramed: boolean): string[] {
  const found = messages.flatMap((message) => {
    const { type, payload } = JSON.parse(message) as { type: string; payload?: unknown }
    // The client's own words come back in a pong, and they may say anything.
    if (type === 'pong') return []
    const errors = type === 'error' ? JSON.stringify({ errors: payload }) : JSON.stringify(payload ?? null)
    return [
      ...(SOCKET_MESSAGES.includes(type) ? [] : [`a message of type ${type}`]),
      ...judgeText(errors, rig.secrets),
      ...judgeErrors(errors),
    ]
  })
  if (isWellFramed && outcome === 'silent') found.push('no pong and no close')
  if (status !== null && status >= 500 && status !== 503) found.push(`status ${status}`)
  if (closeCode !== null && ![...CLOSE_CODES, SENT_CODE].includes(closeCode)) found.push(`closed with ${closeCode}`)
  return found
}

test.each([
  ['HTTP requests', sendRequests],
  ['WebSocket frames', sendFrames],
])(`${COUNT} generated %s harm nobody (TEST_SEED=${SEED})`, { timeout: MAX_RUN_MS + 120_000 }, async (what, send) => {
  await send(SEED + 1, WARM_UP)
  const before = await rig.figures()
  const bystander = await rig.startBystander()

  const began = performance.now()
  const { sent, violations } = await send(SEED, COUNT, began + MAX_RUN_MS)
  const seconds = (performance.now() - began) / 1000
  expect(rig.hasExited, rig.output().slice(-3000)).toBe(false)

  rig.fal.finish()
  const report = await bystander.finish()
  const after = await settle(rig, before)
  const healthy = await fetch(`${rig.url}/healthz`)
  // One line for the console and for docs/security.md.
  const figures = {
    what,
    sent,
    seconds: Math.round(seconds),
    slowestMs: Math.round(report.slowestMs),
    ownDelayMs: Math.round(report.ownDelayMs),
    queries: report.queries,
    refused: report.refused,
    updates: report.sequences.length,
    jobs: rig.fal.submits,
    before,
    after,
  }
  process.stdout.write(`${JSON.stringify(figures)}\n`)

  expect(violations).toEqual([])
  expect(sent).toBeGreaterThanOrEqual(COUNT)
  expect(judgeBystander(report, { maxWaitMs: MAX_WAIT_MS })).toEqual([])
  expect(judgeLog(rig.output(), { secrets: rig.secrets, maxLines: maxLines() })).toEqual([])
  expect(healthy.status).toBe(200)
  expect(after.peakRssMb).toBeLessThanOrEqual(MAX_MEMORY_MB)
})
