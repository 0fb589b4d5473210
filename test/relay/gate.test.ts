import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FalError } from '../../src/adapters/fal.ts'
import { createGate, type Gate, type Pause, pauseMs } from '../../src/relay/gate.ts'

const refusedKey = new FalError('auth', 'fal refused the key', { status: 401 })
let paused: Pause[]
let resumed: Pause[]
let gate: Gate

beforeEach(() => {
  vi.useFakeTimers()
  paused = []
  resumed = []
  gate = createGate({
    random: () => 1,
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

test('after a while one alone goes to look, and opens the gate for all when it passes', () => {
  send(refusedKey)
  const rung: number[] = []
  for (const n of [1, 2, 3]) gate.wait(() => rung.push(n))
  vi.advanceTimersByTime(500)
  expect(rung).toEqual([1])
  const looking = gate.enter()
  expect(gate.enter()).toBeNull()
  looking?.passed()
  looking?.[Symbol.dispose]()
  expect(rung).toEqual([1, 1, 2, 3])
  expect(send()).toBe(true)
  expect(resumed).toHaveLength(1)
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

test('the pauses grow, to 8 s when fal cannot be reached and to 30 s when it refuses', () => {
  const away = new FalError('not-sent', 'no')
  expect([1, 2, 3, 9].map((looks) => pauseMs(away, looks, 1))).toEqual([500, 1000, 2000, 8000])
  expect([1, 9].map((looks) => pauseMs(refusedKey, looks, 1))).toEqual([500, 30_000])
  expect(pauseMs(away, 9, 0)).toBe(4000)
})

test('Retry-After is the least', () => {
  const limited = new FalError('rate-limited', 'no', { status: 429, retryAfterMs: 45_000 })
  expect(pauseMs(limited, 1, 1)).toBe(45_000)
})
