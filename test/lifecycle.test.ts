import { expect, test } from 'vitest'
import { createLifecycle } from '../src/lifecycle.ts'

function openLifecycle() {
  const released: string[] = []
  const reported: { error: unknown; stage: string }[] = []
  const lifecycle = createLifecycle((error, { stage }) => reported.push({ error, stage }))
  const add = (name: string) =>
    lifecycle.onStop(name, async () => {
      await new Promise(setImmediate)
      released.push(name)
    })
  return { lifecycle, released, reported, add }
}

test('resources are released one at a time, in reverse order of opening', async () => {
  const { lifecycle, released, add } = openLifecycle()
  let running = 0
  for (const name of ['database', 'hub', 'http']) {
    add(name)
    lifecycle.onStop(`${name} alone`, async () => {
      expect(++running).toBe(1)
      await new Promise(setImmediate)
      running--
    })
  }
  await lifecycle.stop()
  expect(released).toEqual(['http', 'hub', 'database'])
})

test('a failing release is reported, and the others still run', async () => {
  const { lifecycle, released, reported, add } = openLifecycle()
  const rejected = new Error('rejected')
  const thrown = new Error('thrown')
  add('database')
  lifecycle.onStop('queue', () => Promise.reject(rejected))
  lifecycle.onStop('hub', () => {
    throw thrown
  })
  add('http')
  await lifecycle.stop()
  expect(released).toEqual(['http', 'database'])
  expect(reported).toEqual([
    { error: thrown, stage: 'stop hub' },
    { error: rejected, stage: 'stop queue' },
  ])
})

test('stopping twice releases each resource once', async () => {
  const { lifecycle, released, add } = openLifecycle()
  add('database')
  add('http')
  await lifecycle.stop()
  await lifecycle.stop()
  expect(released).toEqual(['http', 'database'])
})

test('a second stop waits for the first one to finish', async () => {
  const { lifecycle, released, add } = openLifecycle()
  add('database')
  const closing = Promise.withResolvers<void>()
  lifecycle.onStop('http', () => closing.promise)
  const stops = [lifecycle.stop(), lifecycle.stop()]
  let stopped = 0
  for (const stop of stops) void stop.then(() => stopped++)
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
  expect({ released, stopped }).toEqual({ released: [], stopped: 0 })
  closing.resolve()
  await Promise.all(stops)
  expect(released).toEqual(['database'])
})

test('resources that would outlive the process can be released immediately, during a stop', async () => {
  const { lifecycle, released, add } = openLifecycle()
  lifecycle.onStop('Postgres', async () => void released.push('Postgres'), { outlives: true })
  add('database')
  lifecycle.onStop('watchdog', async () => void released.push('watchdog'), { outlives: true })
  const closing = Promise.withResolvers<void>()
  lifecycle.onStop('http', () => closing.promise)
  const stop = lifecycle.stop()
  await lifecycle.stopNow()
  expect(released).toEqual(['watchdog', 'Postgres'])
  closing.resolve()
  await stop
  expect(released).toEqual(['watchdog', 'Postgres', 'database'])
})

test('stopping with nothing opened resolves', async () => {
  await openLifecycle().lifecycle.stop()
})

test('a resource opened during a stop is released too', async () => {
  const { lifecycle, released, add } = openLifecycle()
  add('database')
  lifecycle.onStop('queue', () => add('late'))
  await lifecycle.stop()
  expect(released).toEqual(['late', 'database'])
})

test('a resource opened after a stop is released too, so an overtaken start leaves nothing behind', async () => {
  const { lifecycle, released, add } = openLifecycle()
  await lifecycle.stop()
  add('late')
  await lifecycle.stop()
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  expect(released).toEqual(['late'])
})
