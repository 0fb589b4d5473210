import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { createWakeUp } from '../../src/relay/wake-up.ts'

const HOUR_MS = 3_600_000
const never = new AbortController().signal

test('a notification ends the wait', async () => {
  const wakeUp = createWakeUp()
  const wait = wakeUp.wait(HOUR_MS, never)
  wakeUp.notify()
  expect(await wait).toBe(true)
})

test('a notification while nobody waits ends the next wait at once, and only that one', async () => {
  const wakeUp = createWakeUp()
  wakeUp.notify()
  wakeUp.notify()
  expect(await wakeUp.wait(HOUR_MS, never)).toBe(true)
  expect(await wakeUp.wait(1, never)).toBe(false)
})

test('a notification that ended a wait does not end the next one', async () => {
  const wakeUp = createWakeUp()
  const wait = wakeUp.wait(HOUR_MS, never)
  wakeUp.notify()
  await wait
  expect(await wakeUp.wait(1, never)).toBe(false)
})

test('without a notification the wait takes its time', async () => {
  const begun = performance.now()
  expect(await createWakeUp().wait(20, never)).toBe(false)
  // Timers may be early by a fraction of a millisecond.
  expect(performance.now() - begun).toBeGreaterThan(18)
})

test('an abort ends the wait with its reason', async () => {
  const wakeUp = createWakeUp()
  const controller = new AbortController()
  const wait = wakeUp.wait(HOUR_MS, controller.signal)
  const reason = new Error('the claim is lost')
  controller.abort(reason)
  await expect(wait).rejects.toBe(reason)
  await expect(wakeUp.wait(HOUR_MS, controller.signal)).rejects.toBe(reason)
})

test('after an abort there is no wait, not even one that a notification would end', async () => {
  const wakeUp = createWakeUp()
  wakeUp.notify()
  const reason = new Error('the worker stops')
  await expect(wakeUp.wait(HOUR_MS, AbortSignal.abort(reason))).rejects.toBe(reason)
})

test('an abort in the same breath as a notification wins: nothing may be written any more', async () => {
  const wakeUp = createWakeUp()
  const controller = new AbortController()
  const wait = wakeUp.wait(HOUR_MS, controller.signal)
  wakeUp.notify()
  controller.abort(new Error('the claim is lost'))
  await expect(wait).rejects.toThrow('the claim is lost')
})

test('a wait leaves no listener and no timer, however it ends', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const wakeUp = createWakeUp()
  const controller = new AbortController()
  const before = timers()
  for (let round = 0; round < 20; round++) {
    const wait = wakeUp.wait(HOUR_MS, controller.signal)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1)
    wakeUp.notify()
    await wait
    await wakeUp.wait(0, controller.signal)
  }
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  const wait = wakeUp.wait(HOUR_MS, controller.signal)
  controller.abort(new Error('enough'))
  await expect(wait).rejects.toThrow('enough')
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  // 21 leaked timers would show; a timer of another module does not matter.
  expect(timers()).toBeLessThan(before + 10)
})
