import { afterAll, beforeAll, expect, test } from 'vitest'
import { SCENARIOS } from '../../sandbox/queue/scenarios.ts'
import { until } from '../helpers/until.ts'
import { openTestSandbox } from './client.ts'

let sandbox: Awaited<ReturnType<typeof openTestSandbox>>

beforeAll(async () => {
  sandbox = await openTestSandbox({ stepMs: 3, slots: 20 })
})
afterAll(() => sandbox.close())

const submit = (name: string) => sandbox.submit({ image_url: `http://sandbox.test/${name}.png`, seed: 1 })

test('long-line: the queue position falls from more than 12,000 to 0, then the request runs', async () => {
  const request = await submit('long-line')
  expect(request.queue_position).toBeGreaterThanOrEqual(12_000)
  await until(async () => ((await sandbox.status(request)).queue_position ?? 0) < 6_000)
  expect((await sandbox.completed(request)).error).toBeUndefined()
})

test('slow: runs 100 steps', async () => {
  const { logs } = await sandbox.completed(await submit('slow'))
  expect(logs?.filter(({ message }) => message.endsWith('/100'))).toHaveLength(100)
})

test.for([
  ['model-error', 500, 'internal_server_error'],
  ['content-policy', 422, 'content_policy_violation'],
  ['invalid-input', 422, 'less_than_equal'],
  ['completed-with-error', 503, 'runner_disconnected'],
  ['unreachable-image', 422, 'file_download_error'],
] as const)('%s: completes, and the result call returns %i %s', async ([name, code, type]) => {
  const request = await submit(name)
  expect(await sandbox.completed(request)).toMatchObject({ code: 200, error: expect.any(String), error_type: type })
  const result = await sandbox.result(request)
  expect([result.code, result.headers.get('x-fal-error-type')]).toEqual([code, type])
  expect(JSON.stringify(result.body)).toContain(type)
})

test('result-504-twice: the third result call returns the video', async () => {
  const request = await submit('result-504-twice')
  expect((await sandbox.completed(request)).error).toBeUndefined()
  const codes = []
  for (let call = 0; call < 3; call += 1) codes.push((await sandbox.result(request)).code)
  expect(codes).toEqual([504, 504, 200])
})

test('cancelled-late: the cancel is acknowledged, but the video is finished anyway', async () => {
  const request = await submit('cancelled-late')
  await until(async () => (await sandbox.status(request)).status === 'IN_PROGRESS')
  expect((await sandbox.cancel(request)).code).toBe(202)
  expect((await sandbox.completed(request)).error).toBeUndefined()
  expect((await sandbox.result(request)).code).toBe(200)
})

test('silent-stream: the stream opens and sends nothing, while polling works', async () => {
  const request = await submit('silent-stream')
  const stop = new AbortController()
  const response = await sandbox.call(`${request.status_url}/stream?logs=1`, { signal: stop.signal })
  expect(response.status).toBe(200)
  const first = response.body?.getReader().read()
  await sandbox.completed(request)
  expect(await Promise.race([first?.then(() => 'sent something'), 'silent'])).toBe('silent')
  stop.abort()
  await expect(first).rejects.toThrow()
})

test('every scenario is tested here', () => {
  const tested = ['long-line', 'slow', 'model-error', 'content-policy', 'invalid-input', 'completed-with-error']
  tested.push('result-504-twice', 'cancelled-late', 'silent-stream', 'unreachable-image')
  expect(SCENARIOS.map(({ name }) => name)).toEqual(tested)
})
