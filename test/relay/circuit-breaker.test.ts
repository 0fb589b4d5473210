import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FalError } from '../../src/adapters/fal/errors.ts'
import { createGate, type Gate, type Pause, pauseMs } from '../../src/relay/circuit-breaker.ts'

const refusedKey = new FalError('auth', 'fal refused the key', { status: 401 })
let paused: Pause[]
let resumed: Pause[]
let gate: Gate
let probe: () => Promise<void>

beforeEach(() => {
  probe = () => new Promise(() => {})
  vi.useFakeTimers()
  paused = []
  resumed = []
  gate = createGate({
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
  using ticket = gate.enter()
  if (!ticket) return false
  if (error) ticket.failed(error)
  else ticket.passed()
  return true
}

test('an open gate lets everybody through', () => {
  expect([send(), send(), send()]).toEqual([true, true, true])
  expect(gate.paused).toBeNull()
})

test('a refused key shuts the gate for all, and is told once', () => {
  send(refusedKey)
  expect(gate.enter()).toBeNull()
  expect(gate.paused?.error).toBe(refusedKey)
  vi.advanceTimersByTime(600)
  expect(send(refusedKey)).toBe(true)
  expect(gate.enter()).toBeNull()
  expect(paused).toHaveLength(1)
})

test('after a while one alone goes to look, and opens the gate when it passes and nobody waits', () => {
  send(refusedKey)
  vi.advanceTimersByTime(500)
  const looking = gate.enter()
  expect(gate.enter()).toBeNull()
  looking?.passed()
  looking?.[Symbol.dispose]()
  expect([send(), send()]).toEqual([true, true])
  expect(resumed).toHaveLength(1)
  expect(gate.paused).toBeNull()
})

/** As an alarm rings: however often, who sleeps wakes once. */
function once(act: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) act()
    isDone = true
  }
}

/** Requests that wait as those of a worker do: rung for, they enter, send, and wait again while there is no room. */
function crowd(size: number, answer: () => FalError | null): { sent: number[] } {
  const sent: number[] = []
  for (let n = 0; n < size; n++) {
    let stopWaiting = (): void => {}
    const come = (): void => {
      stopWaiting()
      const ticket = gate.enter()
      if (!ticket) {
        stopWaiting = gate.wait(once(() => setTimeout(come, 1)))
        return
      }
      sent.push(Date.now())
      // fal takes its time to answer.
      setTimeout(() => {
        const error = answer()
        if (error) ticket.failed(error)
        else ticket.passed()
        ticket[Symbol.dispose]()
        if (error) come()
      }, 100)
    }
    come()
  }
  return { sent }
}

test('those who wait follow a few at a time, and all of them as fal takes them', () => {
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

test('a limit of one in three seconds is met by a few requests, however many wait', () => {
  let free = 1
  setInterval(() => {
    free = 1
  }, 3_000)
  const limited = new FalError('rate-limited', 'no', { status: 429, retryAfterMs: 3_000 })
  send(limited)
  const { sent } = crowd(200, () => (free-- > 0 ? null : limited))
  vi.advanceTimersByTime(60_000)
  // One that is taken and at most one that finds the limit, in each of 20 windows.
  expect(sent.length).toBeLessThanOrEqual(42)
  expect(sent.length).toBeGreaterThanOrEqual(18)
  expect(paused).toHaveLength(1)
})

test('a refused key is told also when fal was away before', () => {
  send(new FalError('unavailable', 'fal is unavailable', { status: 503 }))
  vi.advanceTimersByTime(500)
  send(refusedKey)
  expect(paused.map(({ error }) => error.kind)).toEqual(['unavailable', 'auth'])
  expect(gate.paused?.error).toBe(refusedKey)
})

test('one that was rung for and does not come does not keep the others out', () => {
  send(refusedKey)
  let rings = 0
  gate.wait(() => rings++)
  vi.advanceTimersByTime(3_600)
  expect(rings).toBe(4)
})

test('one that went to look and sent nothing makes room for the next', () => {
  send(refusedKey)
  vi.advanceTimersByTime(500)
  gate.enter()?.[Symbol.dispose]()
  expect(gate.enter()).not.toBeNull()
})

test('what left before the gate was shut does not open it', () => {
  using early = gate.enter()
  send(refusedKey)
  early?.passed()
  expect(gate.enter()).toBeNull()
})

test('what left before the gate was shut does not shut it for longer', () => {
  const early = Array.from({ length: 10 }, () => gate.enter())
  for (const ticket of early) ticket?.failed(refusedKey)
  vi.advanceTimersByTime(500)
  expect(gate.enter()).not.toBeNull()
})

test.each([
  ['rejected', 422],
  ['not-found', 404],
] as const)('a request that fal answers with %s is about that request: the gate opens', (kind, status) => {
  send(refusedKey)
  vi.advanceTimersByTime(500)
  send(new FalError(kind, 'no', { status }))
  expect(gate.paused).toBeNull()
})

test('a request that was refused before it was sent says nothing of fal', () => {
  send(refusedKey)
  vi.advanceTimersByTime(500)
  send(new FalError('rejected', 'no such model'))
  expect(gate.paused).not.toBeNull()
})

test('while nobody waits a probe looks, and what passes it goes alone first', async () => {
  const answers: (FalError | null)[] = [refusedKey, refusedKey, null]
  let probes = 0
  probe = async () => {
    const answer = answers[probes++]
    if (answer) throw answer
  }
  send(refusedKey)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(probes).toBe(3)
  expect([paused.length, resumed.length, gate.paused]).toEqual([1, 1, null])
  using alone = gate.enter()
  expect([alone !== null, gate.enter()]).toEqual([true, null])
  alone?.passed()
  expect([send(), send()]).toEqual([true, true])
  expect(resumed).toHaveLength(1)
})

test('while one that was rung for is on its way no probe tells that all is well', async () => {
  probe = async () => {}
  send(refusedKey)
  const stopWaiting = gate.wait(() => stopWaiting())
  await vi.advanceTimersByTimeAsync(3_000)
  expect(gate.paused).not.toBeNull()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(gate.paused).toBeNull()
})

test('what is refused after a probe has passed is a pause of its own', async () => {
  probe = async () => {}
  send(refusedKey)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(gate.paused).toBeNull()
  send(refusedKey)
  expect([paused.length, gate.paused?.error]).toEqual([2, refusedKey])
})

test('a look shuts an open gate when fal refuses the key, once for all who look', async () => {
  let probes = 0
  probe = async () => {
    probes++
    throw refusedKey
  }
  expect(await Promise.all([gate.look(), gate.look()])).toEqual([refusedKey, refusedKey])
  expect(await gate.look()).toBe(refusedKey)
  expect([probes, paused.length, gate.enter()]).toEqual([1, 1, null])
})

test('a gate that was stopped looks no more', async () => {
  let probes = 0
  probe = async () => {
    probes++
  }
  send(refusedKey)
  gate.stop()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(probes).toBe(0)
})

test('the pauses grow, to 8 s when fal cannot be reached and to 30 s when it refuses', () => {
  const away = new FalError('not-sent', 'no')
  expect([1, 2, 3, 9].map((looks) => pauseMs(away, looks, 1))).toEqual([500, 1000, 2000, 8000])
  expect([1, 9].map((looks) => pauseMs(refusedKey, looks, 1))).toEqual([500, 30_000])
  expect(pauseMs(away, 9, 0)).toBe(4000)
})

test('Retry-After of a limit is the least; of a fal that is away it is not waited out', () => {
  const limited = new FalError('rate-limited', 'no', { status: 429, retryAfterMs: 45_000 })
  expect(pauseMs(limited, 1, 1)).toBe(45_000)
  expect(pauseMs(new FalError('rate-limited', 'no', { status: 429, retryAfterMs: 9e7 }), 1, 1)).toBe(600_000)
  const away = new FalError('unavailable', 'no', { status: 503, retryAfterMs: 3_600_000 })
  expect(pauseMs(away, 1, 1)).toBe(8_000)
})
