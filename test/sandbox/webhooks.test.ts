import { createPublicKey, verify } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { signedBytes } from '../../sandbox/queue/signing-key.ts'
import { openRecordingServer, type RecordedRequest } from '../helpers/recording-server.ts'
import { until } from '../helpers/until.ts'
import { openTestSandbox } from './client.ts'

const Jwks = z.object({ keys: z.tuple([z.object({ kty: z.string(), crv: z.string(), x: z.string() })]) })
let sandbox: Awaited<ReturnType<typeof openTestSandbox>>
let receiver: Awaited<ReturnType<typeof openRecordingServer>>

beforeAll(async () => {
  sandbox = await openTestSandbox({ webhookRetryMs: 1, slots: 10 })
  receiver = await openRecordingServer()
  receiver.script({ status: 200 })
})
afterAll(async () => {
  await sandbox.close()
  await receiver.close()
})

async function submitWithHook(image_url: string, path: string) {
  const hook = encodeURIComponent(receiver.url + path)
  return await sandbox.submit({ image_url, seed: 1 }, `?fal_webhook=${hook}`)
}

const firstDeliveryTo = (path: string) => until(() => deliveriesTo(path)[0])

const deliveriesTo = (path: string) => receiver.requests.filter(({ url }) => url === path)

async function isSignedBySandbox({ headers, body }: RecordedRequest): Promise<boolean> {
  const response = await fetch(`${sandbox.url}/.well-known/jwks.json`)
  const [jwk] = Jwks.parse(await response.json()).keys
  const read = (name: string) => String(headers[`x-fal-webhook-${name}`])
  const parts = { requestId: read('request-id'), userId: read('user-id'), timestamp: read('timestamp'), rawBody: body }
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  return verify(null, signedBytes(parts), key, Buffer.from(read('signature'), 'hex'))
}

test('the webhook of a finished request gets a signed delivery at its full URL, query included', async () => {
  const path = '/hook?job=1&token=a%20b'
  const request = await submitWithHook('http://image.example/a.png', path)
  const delivery = await firstDeliveryTo(path)
  expect(JSON.parse(delivery.body.toString())).toEqual({
    request_id: request.request_id,
    gateway_request_id: request.request_id,
    status: 'OK',
    error: null,
    payload: await sandbox.video(request),
  })
  expect(delivery.headers['x-fal-webhook-request-id']).toBe(request.request_id)
  expect(await isSignedBySandbox(delivery)).toBe(true)
  expect(await isSignedBySandbox({ ...delivery, body: Buffer.from('{}') })).toBe(false)
})

test('a failed request is delivered with status ERROR and the detail', async () => {
  await submitWithHook('http://sandbox.test/content-policy.png', '/failed')
  const delivery = await firstDeliveryTo('/failed')
  expect(JSON.parse(delivery.body.toString())).toMatchObject({
    status: 'ERROR',
    error: 'Invalid status code: 422',
    payload: { detail: [{ type: 'content_policy_violation' }] },
  })
})

test('a failing webhook is retried, five attempts at most', async () => {
  receiver.script(({ url }) => ({ status: url === '/never' ? 500 : deliveriesTo('/later').length < 3 ? 503 : 200 }))
  await submitWithHook('http://image.example/a.png', '/later')
  await submitWithHook('http://image.example/a.png', '/never')
  await until(() => deliveriesTo('/later').length === 3 && deliveriesTo('/never').length === 5)
  const fence = await submitWithHook('http://image.example/a.png', '/fence')
  await sandbox.completed(fence)
  await until(() => deliveriesTo('/fence').length === 1)
  expect([deliveriesTo('/later').length, deliveriesTo('/never').length]).toEqual([3, 5])
})

test('a webhook on another host is not called, with a warning in the log', async () => {
  const request = await sandbox.submit(
    { image_url: 'http://image.example/a.png', seed: 1 },
    '?fal_webhook=http://10.0.0.1/',
  )
  const { logs } = await sandbox.completed(request)
  expect(logs).toContainEqual(expect.objectContaining({ level: 'WARN', message: expect.stringContaining('webhook') }))
})
