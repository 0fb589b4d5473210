import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FalError } from '../../src/adapters/fal/errors.ts'
import type { Pause } from '../../src/jobs/provider.ts'
import { type CircuitBreaker, createCircuitBreaker, pauseMs } from '../../src/relay/circuit-breaker.ts'

const refusedKey = new FalError('auth', 'fal refused the key', { status: 401 })
let paused: Pause[]
let resumed: Pause[]
let breaker: CircuitBreaker
let probe: () => Promise<void>

beforeEach(() => {
  probe = () => new Promise(() => {})
  vi.useFakeTimers()
  paused = []
  resumed = []
  breaker = createCircuitBreaker({
    random: () => 1,
    probe: () => probe(),
    onPause: (pause) => paused.push(pause),
    onResume: (pause) => resumed.push(pause),
  })
})
afterEach(() => {
  vi.useRealTimers()
})

function send(error?: FalError): boolean {
  using permit = breaker.acquire()
  if (!permit) return false
  if (error) permit.failed(error)
  else permit.succeeded()
  return true
}

test('a closed breaker permits every request', () => {
  expect([send(), send(), send()]).toEqual([true, true, true])
  expect(breaker.paused).toBeNull()
})

test('a refused key opens the circuit breaker for all jobs, and is reported once', () => {
  send(refusedKey)
  expect(breaker.acquire()).toBeNull()
  expect(breaker.paused?.error).toBe(refusedKey)
  vi.advanceTimersByTime(600)
  expect(send(refusedKey)).toBe(true)
  expect(breaker.acquire()).toBeNull()
  expect(paused).toHaveLength(1)
})

test('after the pause one trial request is permitted, and its success closes the breaker', () => {
  send(refusedKey)
  vi.advanceTimersByTime(500)
  const trial = breaker.acquire()
  expect(breaker.acquire()).toBeNull()
  trial?.succeeded()
  trial?.[Symbol.dispose]()
  expect([send(), send()]).toEqual([true, true])
  expect(resumed).toHaveLength(1)
  expect(breaker.paused).toBeNull()
})

/** Like a wake-up: however many notifications, one wait ends once. */
function once(act: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) act()
    isDone = true
  }
}

/** Jobs that wait like those of a worker: notified, they acquire and send, or wait again. */
function crowd(size: number, answer: () => FalError | null): { sent: number[] } {
  const sent: number[] = []
  for (let n = 0; n < size; n++) {
    let stopWaiting = (): void => {}
    const come = (): void => {
      stopWaiting()
      const permit = breaker.acquire()
      if (!permit) {
        stopWaiting = breaker.wait(once(() => setTimeout(come, 1)))
        return
      }
      sent.push(Date.now())
      // fal answers after 100 ms.
      setTimeout(() => {
        const error = answer()
        if (error) permit.failed(error)
        else permit.succeeded()
        permit[Symbol.dispose]()
        if (error) come()
      }, 100)
    }
    come()
  }
  return { sent }
}

test('waiting jobs follow a few at a time, and all of them as fal accepts them', () => {
  send(refusedKey)
  const { sent } = crowd(300, () => null)
  vi.advanceTimersByTime(499)
  expect(sent).toHaveLength(0)
  vi.advanceTimersByTime(100)
  expect(sent).toHaveLength(1)
  vi.advanceTimersByTime(101)
  expect(sent.length).toBeLessThanOrEqual(2)
  vi.advanceTimersByTime(2_000)
  expect(sent).toHaveLength(300)
  expect(resumed).toHaveLength(1)
})

test('a limit of one request in three seconds is met by a few requests, however many jobs wait', () => {
  let free = 1
  setInterval(() => {
    free = 1
  }, 3_000)
  const limited = new FalError('rate-limited', 'no', { status: 429, retryAfterMs: 3_000 })
  send(limited)
  const { sent } = crowd(200, () => (free-- > 0 ? null : limited))
  vi.advanceTimersByTime(60_000)
  // One request that is accepted and at most one that meets the limit, in each of 20 windows.
  expect(sent.length).toBeLessThanOrEqual(42)
  expect(sent.length).toBeGreaterThanOrEqual(18)
  expect(paused).toHaveLength(1)
})

test('a refused key is reported although fal was unavailable before', () => {
  send(new FalError('unavailable', 'fal is unavailable', { status: 503 }))
  vi.advanceTimersByTime(500)
  send(refusedKey)
  expect(paused.map(({ error }) => error.kind)).toEqual(['unavailable', 'auth'])
  expect(breaker.paused?.error).toBe(refusedKey)
})

test('a notified job that does not acquire does not block the others', () => {
  send(refusedKey)
  let notified = 0
  breaker.wait(() => notified++)
  vi.advanceTimersByTime(3_600)
  expect(notified).toBe(4)
})

test('a permit under which nothing was sent goes to the next job', () => {
  send(refusedKey)
  vi.advanceTimersByTime(500)
  breaker.acquire()?.[Symbol.dispose]()
  expect(breaker.acquire()).not.toBeNull()
})

test('a success of a request sent before the breaker opened does not close it', () => {
  using early = breaker.acquire()
  send(refusedKey)
  early?.succeeded()
  expect(breaker.acquire()).toBeNull()
})

test('a failure of a request sent before the breaker opened does not prolong the pause', () => {
  const early = Array.from({ length: 10 }, () => breaker.acquire())
  for (const permit of early) permit?.failed(refusedKey)
  vi.advanceTimersByTime(500)
  expect(breaker.acquire()).not.toBeNull()
})

test.each([
  ['rejected', 422],
  ['not-found', 404],
] as const)('a request that fal answers with %s is about that request: the breaker opens', (kind, status) => {
  send(refusedKey)
  vi.advanceTimersByTime(500)
  send(new FalError(kind, 'no', { status }))
  expect(breaker.paused).toBeNull()
})

test('a request that was refused before it was sent does not close the breaker', () => {
  send(refusedKey)
  vi.advanceTimersByTime(500)
  send(new FalError('rejected', 'no such model'))
  expect(breaker.paused).not.toBeNull()
})

test('while no job waits a probe is sent, and after its success one trial request is permitted', async () => {
  const answers: (FalError | null)[] = [refusedKey, refusedKey, null]
  let probes = 0
  probe = async () => {
    const answer = answers[probes++]
    if (answer) throw answer
  }
  send(refusedKey)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(probes).toBe(3)
  expect([paused.length, resumed.length, breaker.paused]).toEqual([1, 1, null])
  using alone = breaker.acquire()
  expect([alone !== null, breaker.acquire()]).toEqual([true, null])
  alone?.succeeded()
  expect([send(), send()]).toEqual([true, true])
  expect(resumed).toHaveLength(1)
})

test('while a notified job has not acquired yet no probe ends the pause', async () => {
  probe = async () => {}
  send(refusedKey)
  const stopWaiting = breaker.wait(() => stopWaiting())
  await vi.advanceTimersByTimeAsync(3_000)
  expect(breaker.paused).not.toBeNull()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(breaker.paused).toBeNull()
})

test('a refusal after a probe has passed starts a new pause', async () => {
  probe = async () => {}
  send(refusedKey)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(breaker.paused).toBeNull()
  send(refusedKey)
  expect([paused.length, breaker.paused?.error]).toEqual([2, refusedKey])
})

test('a check opens a closed breaker when fal refuses the key, with one probe for concurrent checks', async () => {
  let probes = 0
  probe = async () => {
    probes++
    throw refusedKey
  }
  expect(await Promise.all([breaker.check(), breaker.check()])).toEqual([refusedKey, refusedKey])
  expect(await breaker.check()).toBe(refusedKey)
  expect([probes, paused.length, breaker.acquire()]).toEqual([1, 1, null])
})

test('a stopped breaker sends no more probes', async () => {
  let probes = 0
  probe = async () => {
    probes++
  }
  send(refusedKey)
  breaker.stop()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(probes).toBe(0)
})

test('the pauses grow, to 8 s when fal cannot be reached and to 30 s when it refuses', () => {
  const unavailable = new FalError('not-sent', 'no')
  expect([1, 2, 3, 9].map((failures) => pauseMs(unavailable, failures, 1))).toEqual([500, 1000, 2000, 8000])
  expect([1, 9].map((failures) => pauseMs(refusedKey, failures, 1))).toEqual([500, 30_000])
  expect(pauseMs(unavailable, 9, 0)).toBe(4000)
})

test('Retry-After of a limit is obeyed; that of an unavailable fal is not waited out', () => {
  const limited = new FalError('rate-limited', 'no', { status: 429, retryAfterMs: 45_000 })
  expect(pauseMs(limited, 1, 1)).toBe(45_000)
  expect(pauseMs(new FalError('rate-limited', 'no', { status: 429, retryAfterMs: 9e7 }), 1, 1)).toBe(600_000)
  const unavailable = new FalError('unavailable', 'no', { status: 503, retryAfterMs: 3_600_000 })
  expect(pauseMs(unavailable, 1, 1)).toBe(8_000)
})
