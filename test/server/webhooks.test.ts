import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Delivery, post } from '../helpers/webhook-sender.ts'
import { openWebhookRig, TAKEN, type WebhookRig } from './webhook-rig.ts'

const MAX_BODY_BYTES = 1024 * 1024

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

test('C3: a delivery that arrives before the request’s id is saved supplies it', async () => {
  const job = await rig.loseSubmit()
  expect(await post(job.url, job.delivery)).toEqual(TAKEN)
  expect(await rig.read(job.id)).toMatchObject({ requestId: job.requestId, status: 'PENDING' })
  expect(rig.notifiedJobs).toEqual([job.id])
})

test('C2: ten copies at once are all accepted, and one has an effect', async () => {
  const job = await rig.loseSubmit()
  const answers = await Promise.all(Array.from({ length: 10 }, () => post(job.url, job.delivery)))
  expect(answers).toEqual(Array.from({ length: 10 }, () => TAKEN))
  expect(await rig.read(job.id)).toMatchObject({ requestId: job.requestId, status: 'PENDING', lastSequence: 1 })
})

test('C3: a delivery after the end, or for an unknown job, is accepted without effect', async () => {
  const job = await rig.loseSubmit()
  await rig.end(job.id)
  expect(await post(job.url, job.delivery)).toEqual(TAKEN)
  expect(await rig.read(job.id)).toMatchObject({ requestId: null, status: 'FAILED' })
  expect(await post(rig.webhookUrls.toUrl(randomUUID()), job.delivery)).toEqual(TAKEN)
  expect(rig.notifiedJobs).toEqual([])
})

test('the body names the request, whatever the header has for one of fal’s attempts', async () => {
  const job = await rig.loseSubmit()
  const delivery = rig.sender.prepare({ requestId: job.requestId, signedId: randomUUID() })
  expect(await post(job.url, delivery)).toEqual(TAKEN)
  expect(await rig.read(job.id)).toMatchObject({ requestId: job.requestId })
})

test.each([
  ['no JSON', 'nonsense'],
  ['nothing', ''],
  ['a list', '[]'],
  ['no request', '{"status":"OK"}'],
  ['a request that is no text', '{"request_id":1}'],
  ['a request that is a path', '{"request_id":"../../x"}'],
])('signed, but with %s in it, a delivery is refused', async (_name, body) => {
  const job = await rig.loseSubmit()
  expect(await post(job.url, rig.sender.prepare({ requestId: job.requestId, body }))).toMatchObject({ status: 400 })
  expect(await rig.read(job.id)).toMatchObject({ requestId: null })
  expect(rig.errors).toEqual([])
})

test('only POST is served', async () => {
  const response = await fetch(rig.webhookUrls.toUrl(randomUUID()))
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
})

test('while the database is unavailable, fal is asked to retry, and no secret is revealed', async () => {
  const unavailable = await openWebhookRig({ databaseUrl: 'postgres://nobody@127.0.0.1:1/none' })
  const { url, delivery } = await unavailable.loseSubmit()
  const init = { method: 'POST', headers: delivery.headers as Record<string, string> }
  const response = await fetch(url, { ...init, body: new Uint8Array(delivery.body) })
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '60'])
  expect(await response.json()).toEqual({ error: 'The delivery cannot be processed now: send it again later.' })
  expect(unavailable.errors.map(({ stage }) => stage)).toEqual(['webhook'])
  expect(inspect(unavailable.errors, { depth: 20 })).not.toMatch(/key-secret|mac=/)
  await unavailable.close()
})

test('C5: while fal’s keys cannot be fetched, fal is asked to send the delivery again', async () => {
  const own = await openWebhookRig()
  own.sender.publish({ status: 500 })
  const { id, url, delivery } = await own.loseSubmit()
  expect(await post(url, delivery)).toMatchObject({ status: 503 })
  expect(await own.read(id)).toMatchObject({ requestId: null })
  expect(own.errors.map(({ stage }) => stage)).toEqual(['webhook keys'])
  await own.close()
})

describe('C6: a body of more than 1 MB is refused', () => {
  test('by the length that it declares, at any address', async () => {
    const body = Buffer.alloc(2 * MAX_BODY_BYTES, ' ')
    const { headers } = rig.sender.prepare({ requestId: randomUUID(), body })
    expect(await post(`${rig.url}/webhooks/fal`, { headers, body })).toMatchObject({ status: 413 })
  })

  test('when so much of it has come, and no more of it is read', async () => {
    const { url: address, delivery } = await rig.loseSubmit()
    const { 'content-length': _, ...headers } = delivery.headers
    const { status, readBytes } = await stream(address, headers)
    expect(status).toBe(413)
    expect(readBytes).toBeGreaterThan(MAX_BODY_BYTES)
    expect(readBytes).toBeLessThan(1.5 * MAX_BODY_BYTES)
  })

  test('without reading any of it, where the address is not ours', async () => {
    const { status, readBytes } = await stream(`${rig.url}/webhooks/fal?job=${randomUUID()}&mac=x`, {})
    expect(status).toBe(401)
    expect(readBytes).toBeLessThan(0.5 * MAX_BODY_BYTES)
  })

  test('and one of exactly 1 MB is read', async () => {
    const job = await rig.loseSubmit()
    const body = JSON.stringify({ request_id: job.requestId }).padEnd(MAX_BODY_BYTES)
    expect(await post(job.url, rig.sender.prepare({ requestId: job.requestId, body }))).toEqual(TAKEN)
  })
})

test('a sender that disconnects within a body is not reported as an error', async () => {
  const job = await rig.loseSubmit()
  const headers = { ...job.delivery.headers, expect: '100-continue' }
  const sending = request(job.url, { method: 'POST', headers, agent: false })
  const closed = new Promise((resolve) => sending.on('close', resolve))
  sending.on('error', () => {})
  sending.flushHeaders()
  // The server is waiting for the body now.
  await once(sending, 'continue')
  sending.write(job.delivery.body.subarray(0, 10))
  sending.destroy()
  await closed
  expect(await post(job.url, job.delivery)).toEqual(TAKEN)
  expect(rig.errors).toEqual([])
})

/** Sends without an end, in chunks, until there is an answer; and how much the server had read when it gave it. */
async function stream(url: string, headers: Delivery['headers']): Promise<{ status: number; readBytes: number }> {
  let readBytes = 0
  rig.server.once('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    outgoing.once('finish', () => {
      readBytes = incoming.socket.bytesRead
    })
  })
  const sending = request(url, { method: 'POST', headers, agent: false })
  let answer: IncomingMessage | undefined
  const answered = once(sending, 'response').then(([response]) => {
    answer = response as IncomingMessage
  })
  // Once it has answered the server ends the connection.
  sending.on('error', () => {})
  const chunk = Buffer.alloc(64 * 1024, ' ')
  while (answer === undefined) {
    if (!sending.write(chunk)) await Promise.race([once(sending, 'drain'), answered])
    await setImmediate()
  }
  sending.destroy()
  return { status: answer.statusCode ?? 0, readBytes }
}
