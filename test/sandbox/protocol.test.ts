import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../helpers/until.ts'
import { openTestSandbox, readEvents } from './client.ts'

const INPUT = { image_url: 'http://image.example/a.png', seed: 1 }
let sandbox: Awaited<ReturnType<typeof openTestSandbox>>

beforeAll(async () => {
  sandbox = await openTestSandbox({ stepMs: 3, pingMs: 20 })
})
afterAll(() => sandbox.close())

test('a submit returns a UUID, the queue position and the three URLs', async () => {
  const answer = await sandbox.submit(INPUT)
  const base = `${sandbox.url}/fal-ai/stable-video/requests/${answer.request_id}`
  expect(answer).toEqual({
    status: 'IN_QUEUE',
    queue_position: 2,
    request_id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
    response_url: base,
    status_url: `${base}/status`,
    cancel_url: `${base}/cancel`,
    logs: null,
  })
})

test('a call without a key or with an invalid one returns 401', async () => {
  for (const authorization of ['', 'Bearer x', 'Key ', 'Key invalid-1']) {
    const response = await sandbox.call('/fal-ai/stable-video', {
      method: 'POST',
      body: '{}',
      headers: { authorization },
    })
    expect(response.status).toBe(401)
    expect(await response.json()).toEqual({ detail: expect.any(String) })
  }
})

test('an unknown model returns 404, an unknown request NOT_FOUND', async () => {
  const unknownModel = await sandbox.call('/fal-ai/other/model', { method: 'POST', body: '{}' })
  expect(unknownModel.status).toBe(404)
  const base = '/fal-ai/stable-video/requests/00000000-0000-4000-8000-000000000000'
  for (const [method, path] of [
    ['GET', `${base}/status`],
    ['GET', `${base}/status/stream`],
    ['GET', base],
    ['PUT', `${base}/cancel`],
  ] as const) {
    const response = await sandbox.call(path, { method })
    expect([response.status, await response.json()]).toEqual([404, { status: 'NOT_FOUND' }])
  }
})

test('a body that is not JSON returns 422', async () => {
  const response = await sandbox.call('/fal-ai/stable-video', { method: 'POST', body: '{' })
  expect(response.status).toBe(422)
})

test('until the request is complete, the status returns 202 and the result 400', async () => {
  const slower = await openTestSandbox({ stepMs: 30 })
  try {
    const request = await slower.submit(INPUT)
    expect(await slower.status(request)).toMatchObject({ code: 202, status: 'IN_QUEUE', logs: null })
    expect(await slower.result(request)).toMatchObject({
      code: 400,
      body: { detail: 'Request is still in progress' },
    })
    const running = await until(async () => {
      const answer = await slower.status(request, '?logs=1')
      return answer.status === 'IN_PROGRESS' ? answer : null
    })
    expect(running.code).toBe(202)
    expect(running).not.toHaveProperty('queue_position')
    expect(await slower.completed(request)).toMatchObject({ code: 200 })
  } finally {
    await slower.close()
  }
})

test('polled logs are cumulative, with UTC timestamps without a zone', async () => {
  const request = await sandbox.submit(INPUT)
  const { logs } = await sandbox.completed(request)
  const messages = (logs ?? []).map(({ message }) => message)
  expect(messages).toContain('Step 1/25')
  expect(messages).toContain('Step 25/25')
  expect(logs?.[0]).toEqual({
    message: expect.any(String),
    level: 'INFO',
    source: 'USER',
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/),
  })
})

test('the status stream sends each change once, with only the new log lines, and closes after COMPLETED', async () => {
  const request = await sandbox.submit(INPUT)
  const response = await sandbox.call(`${request.status_url}/stream?logs=1`)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const events = await readEvents(response)
  expect(events.at(-1)?.status).toBe('COMPLETED')
  expect(events.filter(({ status }) => status === 'COMPLETED')).toHaveLength(1)
  const { logs } = await sandbox.completed(request)
  expect(events.flatMap((event) => event.logs ?? [])).toEqual(logs)
})

test('a status stream without logs sends pings and no log lines', async () => {
  const request = await sandbox.submit(INPUT)
  const text = await (await sandbox.call(`${request.status_url}/stream?logs=0`)).text()
  expect(text).toContain(': ping')
  expect(text).not.toContain('Step')
})

test('both result URLs return the result, with the request id in a header', async () => {
  const request = await sandbox.submit(INPUT)
  await sandbox.completed(request)
  const { code, headers, body } = await sandbox.result(request)
  expect([code, headers.get('x-fal-request-id')]).toEqual([200, request.request_id])
  expect(body).toEqual({
    video: {
      url: expect.stringMatching(new RegExp(`^${sandbox.url}/files/.+\\.mp4$`)),
      content_type: 'video/mp4',
      file_name: `${request.request_id}.mp4`,
      file_size: expect.any(Number),
    },
    seed: 1,
  })
  expect(await (await sandbox.call(`${request.response_url}/response`)).json()).toEqual(body)
})

test('a request without a seed gets one', async () => {
  const request = await sandbox.submit({ image_url: INPUT.image_url })
  await sandbox.completed(request)
  expect(Number.isSafeInteger((await sandbox.video(request)).seed)).toBe(true)
})

test('the landing page says that this is a sandbox, and /scenarios lists the scenarios', async () => {
  expect(await (await fetch(sandbox.url)).text()).toContain('This is a sandbox, not fal')
  expect(await (await fetch(`${sandbox.url}/scenarios`)).json()).toMatchObject({
    sandbox: true,
    scenarios: expect.arrayContaining([
      { name: 'slow', description: expect.any(String), imageUrl: 'http://sandbox.test/slow.png' },
    ]),
  })
})
