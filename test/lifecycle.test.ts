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

test('what was opened last is given back first, each in its turn', async () => {
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

test('a release that fails is reported, and the others are released all the same', async () => {
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

test('who stops twice releases once', async () => {
  const { lifecycle, released, add } = openLifecycle()
  add('database')
  add('http')
  await lifecycle.stop()
  await lifecycle.stop()
  expect(released).toEqual(['http', 'database'])
})

test('who stops while everything stops hurries nothing, and waits for the same end', async () => {
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

test('what would outlive the process can be released at once, while the rest is still being released', async () => {
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

test('with nothing opened there is nothing to do', async () => {
  await openLifecycle().lifecycle.stop()
})

test('what is opened while everything stops is given back too', async () => {
  const { lifecycle, released, add } = openLifecycle()
  add('database')
  lifecycle.onStop('queue', () => add('late'))
  await lifecycle.stop()
  expect(released).toEqual(['late', 'database'])
})

test('what is opened when everything has stopped is given back too: a start that was overtaken leaves nothing', async () => {
  const { lifecycle, released, add } = openLifecycle()
  await lifecycle.stop()
  add('late')
  await lifecycle.stop()
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  expect(released).toEqual(['late'])
})
