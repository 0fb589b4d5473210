import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createWebhookUrls } from '../../src/jobs/webhook-url.ts'
import { createSeeded } from '../helpers/seeded.ts'
import { type Delivery, post } from '../helpers/webhook-sender.ts'
import { openWebhookRig, REFUSED, TAKEN, type WebhookRig } from './webhook-rig.ts'

let rig: WebhookRig

beforeAll(async () => {
  rig = await openWebhookRig()
})
beforeEach(() => {
  rig.notifiedJobs.length = 0
  rig.errors.length = 0
})
afterAll(async () => {
  await rig.close()
})

const text = (value: unknown) => String(value)
const flip = (bytes: Buffer, at: number, by: number) => {
  const changed = Buffer.from(bytes)
  changed.writeUInt8(changed.readUInt8(at) ^ by, at)
  return changed
}
const withHeader = (delivery: Delivery, name: string, change: (value: string) => string | string[]): Delivery => ({
  ...delivery,
  headers: { ...delivery.headers, [name]: change(text(delivery.headers[name])) },
})
const withBody = (delivery: Delivery, body: Buffer): Delivery => ({
  headers: { ...delivery.headers, 'content-length': text(body.byteLength) },
  body,
})
const HEADERS = ['request-id', 'user-id', 'timestamp', 'signature'].map((name) => `x-fal-webhook-${name}`)
const HEX = '0123456789abcdef'

test('C1: 2,000 mutations of a good delivery are refused, and change nothing', async () => {
  const seed = 20261123
  const seeded = createSeeded(seed)
  const pick = <T>(list: readonly T[]): T => list[seeded.whole(0, list.length - 1)] as T
  const letters = (length: number) => Array.from({ length }, () => pick([...HEX])).join('')
  const job = await rig.loseSubmit()
  const other = await rig.loseSubmit()
  const mutations: Record<string, (delivery: Delivery) => Delivery> = {
    'one byte of the body': ({ headers, body }) => ({
      headers,
      body: flip(body, seeded.whole(0, body.byteLength - 1), 1 << seeded.whole(0, 7)),
    }),
    'the body written again': (delivery) =>
      withBody(delivery, Buffer.from(JSON.stringify(JSON.parse(text(delivery.body))))),
    'the body with more': (delivery) =>
      withBody(delivery, Buffer.concat([delivery.body, Buffer.from(pick([' ', '\n', '{}']))])),
    'the body cut': (delivery) =>
      withBody(delivery, delivery.body.subarray(0, seeded.whole(0, delivery.body.byteLength - 1))),
    'the body in a byte order mark': (delivery) =>
      withBody(delivery, Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), delivery.body])),
    'another user': (delivery) => withHeader(delivery, 'x-fal-webhook-user-id', () => letters(8)),
    'another request': (delivery) => withHeader(delivery, 'x-fal-webhook-request-id', () => other.requestId),
    'another time': (delivery) =>
      withHeader(delivery, 'x-fal-webhook-timestamp', (value) => text(Number(value) + pick([-400, -1, 1, 60, 400]))),
    'the time written otherwise': (delivery) =>
      withHeader(delivery, 'x-fal-webhook-timestamp', (value) =>
        pick([`0${value}`, `${value}.0`, `+${value}`, `${value}e0`]),
      ),
    'one digit of the signature': (delivery) =>
      withHeader(delivery, 'x-fal-webhook-signature', (value) => {
        const at = seeded.whole(0, 127)
        const digit = HEX[HEX.indexOf(value[at] ?? '0') ^ seeded.whole(1, 15)]
        return value.slice(0, at) + digit + value.slice(at + 1)
      }),
    'junk after the signature': (delivery) =>
      withHeader(delivery, 'x-fal-webhook-signature', (value) => value + letters(seeded.whole(1, 8))),
    'junk that is no hex after the signature': (delivery) =>
      withHeader(delivery, 'x-fal-webhook-signature', (value) => value + pick(['z', 'zz', ',', ' 00', ';x'])),
    'a signature of 63 bytes': (delivery) =>
      withHeader(delivery, 'x-fal-webhook-signature', (value) => pick([value.slice(2), value.slice(0, -2)])),
    'a signature of 65 bytes': (delivery) =>
      withHeader(delivery, 'x-fal-webhook-signature', (value) => pick([`${value}00`, `00${value}`])),
    'any signature': (delivery) => withHeader(delivery, 'x-fal-webhook-signature', () => letters(128)),
    'a header twice': (delivery) => withHeader(delivery, pick(HEADERS), (value) => [value, value]),
    'a header twice, once otherwise': (delivery) =>
      withHeader(delivery, pick(HEADERS), (value) => (seeded.chance(0.5) ? [value, letters(8)] : [letters(8), value])),
    'a header empty': (delivery) => withHeader(delivery, pick(HEADERS), () => ''),
    'a header missing': ({ headers, body }) => {
      const missing = pick(HEADERS)
      return { headers: Object.fromEntries(Object.entries(headers).filter(([name]) => name !== missing)), body }
    },
  }
  const kinds = Object.keys(mutations)
  for (let round = 0; round < 2000; round += 20) {
    const sent = Array.from({ length: 20 }, (_, i) => {
      const kind = kinds[(round + i) % kinds.length] ?? ''
      const delivery = mutations[kind]?.(job.delivery) ?? job.delivery
      return post(job.url, delivery).then((answer) => ({ kind, ...answer }))
    })
    for (const answer of await Promise.all(sent))
      expect(answer, `seed ${seed}`).toEqual({ kind: answer.kind, ...REFUSED })
  }
  expect(await rig.read(job.id)).toMatchObject({ requestId: null, lastSequence: 1 })
  expect([rig.notifiedJobs, rig.errors]).toEqual([[], []])
  // And the one that all of them were made of is good.
  expect(await post(job.url, job.delivery)).toEqual(TAKEN)
})

test.each<[string, (own: URL, other: URL) => void]>([
  ['another job', (own, other) => own.searchParams.set('job', other.searchParams.get('job') ?? '')],
  ['the proof of another job', (own, other) => own.searchParams.set('mac', other.searchParams.get('mac') ?? '')],
  ['no job', (own) => own.searchParams.delete('job')],
  ['no proof', (own) => own.searchParams.delete('mac')],
  [
    'neither',
    (own) => {
      own.search = ''
    },
  ],
  ['a job that is no id', (own) => own.searchParams.set('job', "' or true --")],
  [
    'a proof made with another key',
    (own) => {
      const { searchParams } = new URL(
        createWebhookUrls({ publicUrl: rig.url, secret: 'a:b' }).toUrl(own.searchParams.get('job') ?? ''),
      )
      own.search = searchParams.toString()
    },
  ],
])('%s in the address is refused', async (_name, change) => {
  const [job, other] = [await rig.loseSubmit(), await rig.loseSubmit()]
  const changed = new URL(job.url)
  change(changed, new URL(other.url))
  expect(await post(changed.href, job.delivery)).toEqual(REFUSED)
  expect([await rig.read(job.id), await rig.read(other.id)]).toMatchObject([{ requestId: null }, { requestId: null }])
})

test.each([
  ['older than 300 s', -302],
  ['from the future', 302],
])('C2: a delivery that is %s is refused', async (_name, seconds) => {
  const job = await rig.loseSubmit()
  const timestamp = Math.floor(Date.now() / 1000) + seconds
  expect(await post(job.url, rig.sender.prepare({ requestId: job.requestId, timestamp }))).toEqual(REFUSED)
  expect(await rig.read(job.id)).toMatchObject({ requestId: null })
})
