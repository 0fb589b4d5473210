import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../helpers/until.ts'
import { openTestSandbox, readEvents } from './client.ts'

const INPUT = { image_url: 'http://image.example/a.png', seed: 1 }

describe('with one slot', () => {
  let sandbox: Awaited<ReturnType<typeof openTestSandbox>>
  beforeAll(async () => {
    sandbox = await openTestSandbox({ stepMs: 30, slots: 1 })
  })
  afterAll(() => sandbox.close())

  test('the queue position of a single request falls before it runs', async () => {
    const request = await sandbox.submit(INPUT)
    const seen = new Set([request.queue_position])
    await until(async () => {
      const { status, queue_position } = await sandbox.status(request)
      if (status === 'IN_QUEUE') seen.add(queue_position)
      return status !== 'IN_QUEUE'
    })
    // On a busy machine a poll may skip a position, but positions never rise.
    const positions = [...seen].map(Number)
    expect(positions[0]).toBe(2)
    expect(positions.length).toBeGreaterThan(1)
    expect(positions).toEqual([...positions].sort((a, b) => b - a))
    await sandbox.completed(request)
  })

  test('requests run in order, and positions only fall', async () => {
    const requests = []
    for (let index = 0; index < 4; index += 1) requests.push(await sandbox.submit(INPUT))
    const last = requests.at(-1)
    if (!last) throw new Error('expected requests')
    const events = await readEvents(await sandbox.call(`${last.status_url}/stream`))
    const positions = events.flatMap((event) => event.queue_position ?? [])
    expect(positions).toEqual([...positions].sort((a, b) => b - a))
    const times = []
    for (const request of requests) times.push((await sandbox.completed(request)).logs?.[0]?.timestamp)
    expect(times).toEqual([...times].sort())
  })

  test('a request that is cancelled in the queue never runs', async () => {
    const request = await sandbox.submit(INPUT)
    expect(await sandbox.cancel(request)).toEqual({ code: 202, body: { status: 'CANCELLATION_REQUESTED' } })
    expect(await sandbox.status(request)).toMatchObject({ status: 'COMPLETED', error_type: 'client_cancelled' })
    expect(await sandbox.result(request)).toMatchObject({ code: 499, body: { error_type: 'client_cancelled' } })
    expect(await sandbox.cancel(request)).toEqual({ code: 400, body: { status: 'ALREADY_COMPLETED' } })
  })

  test('a request that is cancelled while running stops at the next step', async () => {
    const request = await sandbox.submit({ image_url: 'http://sandbox.test/slow.png' })
    await until(async () => (await sandbox.status(request)).status === 'IN_PROGRESS')
    expect((await sandbox.cancel(request)).code).toBe(202)
    const { error_type, logs } = await sandbox.completed(request)
    expect(error_type).toBe('client_cancelled')
    expect(logs?.some(({ message }) => message === 'Step 100/100')).toBe(false)
  })
})

test('200 concurrent requests complete with two slots', async () => {
  const sandbox = await openTestSandbox()
  try {
    const requests = await Promise.all(Array.from({ length: 200 }, () => sandbox.submit(INPUT)))
    const last = await sandbox.completed(requests[199] ?? expect.fail('expected 200 requests'))
    expect(last.error).toBeUndefined()
    const answers = await Promise.all(requests.map(async (request) => (await sandbox.completed(request)).error))
    expect(answers.every((error) => error === undefined)).toBe(true)
    expect(sandbox.errors).toEqual([])
  } finally {
    await sandbox.close()
  }
})
