import { describe, expect, test } from 'vitest'
import { createBackoff, nextDelayMs } from '../../client/core/backoff.ts'
import { isCursorRefused, toEnding } from '../../client/core/ending.ts'
import { WatchError } from '../../client/core/errors.ts'
import { parseRetryAfter } from '../../client/core/request.ts'

describe('the back-off', () => {
  test('is a random time within a window that doubles from 250 ms to 8 s', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 50, 5000].map((failures) => nextDelayMs(failures, 1))).toEqual([
      250, 500, 1000, 2000, 4000, 8000, 8000, 8000, 8000,
    ])
    expect(nextDelayMs(5, 0)).toBe(0)
    expect(nextDelayMs(5, 0.5)).toBe(4000)
  })

  test('spreads clients of a restarted server over at least one second', () => {
    expect(nextDelayMs(0, 0.5, 1000)).toBe(500)
    expect(nextDelayMs(4, 0.5, 1000)).toBe(2000)
  })

  const network = new EventTarget()
  /** The longest delays: a test that waited for one would time out. */
  const createLongest = () => createBackoff(() => 1, network)
  const never = new AbortController().signal

  test('is cut short when the network is online again', async () => {
    const backoff = createLongest()
    const waiting = backoff.wait(never, 3_600_000)
    network.dispatchEvent(new Event('online'))
    await waiting
  })

  test('is cut short by an abort, for the aborting caller only', async () => {
    const backoff = createLongest()
    const leaving = new AbortController()
    const ended: string[] = []
    const left = backoff.wait(leaving.signal, 3_600_000).then(() => ended.push('left'))
    const waiting = backoff.wait(never).then(() => ended.push('stayed'))
    leaving.abort()
    await left
    expect(ended).toEqual(['left'])
    network.dispatchEvent(new Event('online'))
    await waiting
  })

  test('is one delay for all callers that wait at the same time, and a new one after it', async () => {
    const draws: number[] = []
    const random = () => {
      draws.push(1)
      return 0.1
    }
    const backoff = createBackoff(random)
    await Promise.all([backoff.wait(never), backoff.wait(never), backoff.wait(never)])
    expect(draws).toHaveLength(1)
    await backoff.wait(never)
    expect(draws).toHaveLength(2)
  })
})

describe('the end of a subscription', () => {
  test.each([1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014, 4408, 4499, 4500, 4504])(
    'by close code %i is retried',
    (code) => {
      expect(toEnding({ code, reason: 'why' })).toMatchObject({ kind: 'retry', scope: 'connection' })
    },
  )

  test.each([1009, 4400, 4401, 4403, 4406, 4409, 4429])('by close code %i is final', (code) => {
    expect(toEnding({ code, reason: 'why' })).toMatchObject({
      kind: 'refused',
      error: { code: `CLOSED_${code}`, message: `closed with ${code} why` },
    })
  })

  test('by a restart spreads the retries over one second', () => {
    expect(toEnding({ code: 1012, reason: 'Service restart' })).toEqual({
      kind: 'retry',
      scope: 'connection',
      reason: 'closed with 1012 Service restart',
      minWindowMs: 1000,
    })
  })

  test('without a close code is retried', () => {
    const ending = { kind: 'retry', scope: 'connection', reason: 'no connection' }
    expect([new Event('error'), new Error('?'), undefined, null].map(toEnding)).toEqual([
      ending,
      ending,
      ending,
      ending,
    ])
  })

  test.each(['SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR', 'FEED_LAGGED'])('by %s is retried', (code) => {
    expect(toEnding([{ message: 'unavailable', extensions: { code } }])).toEqual({
      kind: 'retry',
      scope: 'subscription',
      reason: 'unavailable',
    })
  })

  test('by any other error is final, with its code', () => {
    const errors = [{ message: 'There is no such job', extensions: { code: 'JOB_NOT_FOUND' } }]
    const ending = toEnding(errors)
    expect(ending).toMatchObject({ kind: 'refused', error: { code: 'JOB_NOT_FOUND', errors } })
    expect(ending).toHaveProperty('error', expect.any(WatchError))
    expect(toEnding([{ message: 'Syntax Error' }])).toMatchObject({ error: { code: 'UNKNOWN' } })
    expect(toEnding([])).toMatchObject({ error: { code: 'UNKNOWN' } })
  })

  test('by a refused cursor differs from one by a refused id', () => {
    const refusal = (argument: string) =>
      new WatchError('BAD_USER_INPUT', 'no', [{ message: 'no', extensions: { code: 'BAD_USER_INPUT', argument } }])
    expect([refusal('after'), refusal('id')].map(isCursorRefused)).toEqual([true, false])
  })
})

test('Retry-After is read as seconds and as a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  expect(parseRetryAfter('7', now)).toBe(7)
  expect(parseRetryAfter('Thu, 01 Jan 2026 00:00:30 GMT', now)).toBe(30)
  expect(parseRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0)
  expect([null, '', 'soon'].map((value) => parseRetryAfter(value, now))).toEqual([null, null, null])
})
