import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FalDelivery, openFalSignatures } from '../../../src/adapters/fal/webhook-signature.ts'
import type { ScriptedAnswer } from '../../helpers/recording-server.ts'
import { openRecordingServer } from '../../helpers/recording-server.ts'
import { startTestSandbox } from '../../helpers/sandbox.ts'
import { until } from '../../helpers/until.ts'
import {
  type Delivery,
  type DeliveryParts,
  openWebhookSender,
  type WebhookSender,
} from '../../helpers/webhook-sender.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 3600_000
const REQUEST_ID = '764cabcf-b745-4b3e-ae38-1200304cf45b'

let sender: WebhookSender
let signatures: ReturnType<typeof openFalSignatures>
/** Set by the tests. */
let clock: number
let errors: Error[]

beforeEach(async () => {
  sender = await openWebhookSender()
  clock = Date.parse('2026-11-23T00:00:00Z')
  errors = []
  signatures = open(sender.jwksUrl)
})
afterEach(async () => {
  signatures.close()
  await sender.close()
})

function open(jwksUrl: string, timeoutMs = 300) {
  return openFalSignatures({ jwksUrl, timeoutMs, now: () => clock, onError: (error) => errors.push(error as Error) })
}

/** A delivery signed at the clock's current time. */
function sign(parts: Partial<DeliveryParts> = {}): FalDelivery {
  return toFalDelivery(sender.prepare({ requestId: REQUEST_ID, timestamp: Math.floor(clock / 1000), ...parts }))
}

function toFalDelivery({ headers, body }: Delivery): FalDelivery {
  const read = (name: string) => String(headers[`x-fal-webhook-${name}`])
  return {
    requestId: read('request-id'),
    userId: read('user-id'),
    timestamp: read('timestamp'),
    signature: read('signature'),
    rawBody: body,
  }
}

test("fal's signature is valid, also in upper-case hex and for any user", async () => {
  expect(await signatures.verify(sign())).toBe('valid')
  const capital = sign()
  expect(await signatures.verify({ ...capital, signature: capital.signature.toUpperCase() })).toBe('valid')
  expect(await signatures.verify(sign({ userId: 'Zoë Ωmega, team 7' }))).toBe('valid')
  expect(sender.asked).toBe(1)
})

test("the sandbox's signature is valid", async () => {
  const receiver = await openRecordingServer()
  receiver.script({ status: 200 })
  const sandbox = await startTestSandbox({ stepMs: 0 })
  const own = openFalSignatures({ jwksUrl: `${sandbox.url}/.well-known/jwks.json`, onError: () => {} })
  await fetch(`${sandbox.url}/fal-ai/stable-video?fal_webhook=${encodeURIComponent(receiver.url)}`, {
    method: 'POST',
    headers: { authorization: 'Key sandbox', 'content-type': 'application/json' },
    body: JSON.stringify({ image_url: 'http://sandbox.test/content-policy.png', seed: 1 }),
  })
  const { headers, body } = await until(() => receiver.requests[0], { what: 'the delivery', timeoutMs: 15_000 })
  const delivery = toFalDelivery({ headers: headers as Record<string, string>, body })
  expect(await own.verify(delivery)).toBe('valid')
  expect(await own.verify({ ...delivery, userId: 'somebody' })).toBe('invalid')
  own.close()
  await Promise.all([sandbox.stop(), receiver.close()])
})

test.each([
  ['300 s old', 'valid', -300],
  ['301 s old', 'invalid', -301],
  ['300 s ahead', 'valid', 300],
  ['301 s ahead', 'invalid', 301],
])('a signature that is %s is %s', async (_name, verdict, seconds) => {
  expect(await signatures.verify(sign({ timestamp: Math.floor(clock / 1000) + seconds }))).toBe(verdict)
})

test.each<[string, () => Partial<DeliveryParts>]>([
  ['a line break in the user', () => ({ userId: 'a\nb' })],
  ['a line break in the request id', () => ({ requestId: 'a\nb' })],
  ['a path for a request id', () => ({ requestId: '../x' })],
  ['no user', () => ({ userId: '' })],
  ['a time with a sign', () => ({ timestamp: `+${Math.floor(clock / 1000)}` })],
  ['a time with a fraction', () => ({ timestamp: `${Math.floor(clock / 1000)}.0` })],
  ['a time in hex', () => ({ timestamp: `0x${Math.floor(clock / 1000).toString(16)}` })],
  ['a time with a line break', () => ({ timestamp: `${Math.floor(clock / 1000)}\n` })],
])('%s is refused although it is signed, without fetching the keys', async (_name, toParts) => {
  expect(await signatures.verify(sign(toParts()))).toBe('invalid')
  expect(sender.asked).toBe(0)
})

test('characters moved from one signed part to the next are refused', async () => {
  const { signature, timestamp, rawBody } = sign({ requestId: 'ab', userId: 'cd' })
  expect(await signatures.verify({ requestId: 'a', userId: 'bcd', timestamp, signature, rawBody })).toBe('invalid')
  expect(await signatures.verify({ requestId: 'ab\ncd', userId: '', timestamp, signature, rawBody })).toBe('invalid')
})

describe('the keys', () => {
  test('are fetched at first use, once for all waiting deliveries', async () => {
    expect(sender.asked).toBe(0)
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => signatures.verify(sign())))
    expect(new Set(verdicts)).toEqual(new Set(['valid']))
    expect(sender.asked).toBe(1)
  })

  test('are fetched again for an unknown signature, at most once a minute', async () => {
    await signatures.verify(sign())
    sender.rotate()
    sender.publish()
    expect(await signatures.verify(sign())).toBe('invalid')
    clock += MINUTE_MS - 1
    expect(await signatures.verify(sign())).toBe('invalid')
    expect(sender.asked).toBe(1)
    clock += 1
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => signatures.verify(sign())))
    expect(new Set(verdicts)).toEqual(new Set(['valid']))
    expect(sender.asked).toBe(2)
  })

  test('are fetched no more often under a flood of forgeries', async () => {
    await signatures.verify(sign())
    const published = { json: { keys: [sender.rotate()] } }
    sender.rotate()
    sender.publish(published)
    for (let i = 0; i < 180; i++) {
      expect(await signatures.verify(sign())).toBe('invalid')
      clock += 1000
    }
    expect(sender.asked).toBe(3)
  })

  test('are valid for a day while fal is unavailable', async () => {
    await signatures.verify(sign())
    sender.publish({ status: 500 })
    clock += DAY_MS - 1
    expect(await signatures.verify(sign())).toBe('valid')
    expect(sender.asked).toBe(1)
  })

  test('are not used for longer than a day', async () => {
    await signatures.verify(sign())
    sender.publish({ status: 500 })
    clock += DAY_MS
    expect(await signatures.verify(sign())).toBe('unavailable')
    sender.publish()
    clock += MINUTE_MS
    expect(await signatures.verify(sign())).toBe('valid')
  })

  test('that fal has withdrawn verify nothing after a day', async () => {
    const old = sign()
    await signatures.verify(old)
    sender.rotate()
    sender.publish()
    clock += DAY_MS
    expect(await signatures.verify({ ...old, timestamp: String(clock / 1000) })).toBe('invalid')
    expect(sender.asked).toBe(2)
  })

  test('that cannot be fetched leave an unknown signature undecided and a known one valid', async () => {
    const known = sign()
    await signatures.verify(known)
    sender.rotate()
    sender.publish({ status: 503 })
    clock += MINUTE_MS
    for (let i = 0; i < 5; i++) expect(await signatures.verify(sign())).toBe('unavailable')
    expect(await signatures.verify(known)).toBe('valid')
    expect(sender.asked).toBe(2)
    expect(errors).toHaveLength(1)
  })
})

describe('a response without fal’s keys leaves the delivery undecided:', () => {
  test.each<[string, () => ScriptedAnswer | 'hang']>([
    ['a failure', () => ({ status: 500, json: { keys: [sender.rotate()] } })],
    ['a redirect', () => ({ status: 302, headers: { location: sender.jwksUrl } })],
    ['a set without keys', () => ({ json: { keys: [] } })],
    ['no set', () => ({ json: [] })],
    ['keys that are no list', () => ({ json: { keys: { a: sender.rotate() } } })],
    ['null', () => ({ json: null })],
    ['HTML', () => ({ body: '<html></html>' })],
    ['nothing', () => ({ body: '' })],
    ['cut JSON', () => ({ body: '{"keys":[' })],
    ['more than 64 kB', () => ({ body: JSON.stringify({ keys: [sender.rotate()] }).padEnd(65 * 1024) })],
    ['a bomb', () => ({ headers: { 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(50e6, ' ')) })],
    ['silence', () => 'hang'],
  ])('%s', async (_name, toResponse) => {
    sender.publish(toResponse())
    expect(await signatures.verify(sign())).toBe('unavailable')
    expect(sender.asked).toBe(1)
    expect(errors).toHaveLength(1)
    // The delivery is valid once the keys can be fetched.
    sender.publish()
    clock += MINUTE_MS
    expect(await signatures.verify(sign())).toBe('valid')
  })

  test('a refused connection', async () => {
    await sender.close()
    expect(await signatures.verify(sign())).toBe('unavailable')
    sender = await openWebhookSender()
  })
})

test('closing aborts a fetch without reporting an error', async () => {
  signatures = open(sender.jwksUrl, 60_000)
  sender.publish('hang')
  const verdict = signatures.verify(sign())
  await until(() => sender.asked === 1, { what: 'the question' })
  signatures.close()
  expect(await verdict).toBe('unavailable')
  expect(errors).toEqual([])
})
