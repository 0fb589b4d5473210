import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { createAlarm } from '../../src/relay/wake-up.ts'

const HOUR_MS = 3_600_000
const never = new AbortController().signal

test('a ring ends the sleep', async () => {
  const alarm = createAlarm()
  const sleep = alarm.sleep(HOUR_MS, never)
  alarm.ring()
  expect(await sleep).toBe(true)
})

test('a ring while nobody sleeps ends the next sleep at once, and only that one', async () => {
  const alarm = createAlarm()
  alarm.ring()
  alarm.ring()
  expect(await alarm.sleep(HOUR_MS, never)).toBe(true)
  expect(await alarm.sleep(1, never)).toBe(false)
})

test('a ring that ended a sleep does not end the next one', async () => {
  const alarm = createAlarm()
  const sleep = alarm.sleep(HOUR_MS, never)
  alarm.ring()
  await sleep
  expect(await alarm.sleep(1, never)).toBe(false)
})

test('without a ring the sleep takes its time', async () => {
  const begun = performance.now()
  expect(await createAlarm().sleep(20, never)).toBe(false)
  // Timers may be early by a fraction of a millisecond.
  expect(performance.now() - begun).toBeGreaterThan(18)
})

test('an abort ends the sleep with its reason', async () => {
  const alarm = createAlarm()
  const controller = new AbortController()
  const sleep = alarm.sleep(HOUR_MS, controller.signal)
  const reason = new Error('the claim is lost')
  controller.abort(reason)
  await expect(sleep).rejects.toBe(reason)
  await expect(alarm.sleep(HOUR_MS, controller.signal)).rejects.toBe(reason)
})

test('after an abort there is no sleep, not even one that a ring would end', async () => {
  const alarm = createAlarm()
  alarm.ring()
  const reason = new Error('the worker stops')
  await expect(alarm.sleep(HOUR_MS, AbortSignal.abort(reason))).rejects.toBe(reason)
})

test('an abort in the same breath as a ring wins: nothing may be written any more', async () => {
  const alarm = createAlarm()
  const controller = new AbortController()
  const sleep = alarm.sleep(HOUR_MS, controller.signal)
  alarm.ring()
  controller.abort(new Error('the claim is lost'))
  await expect(sleep).rejects.toThrow('the claim is lost')
})

test('a sleep leaves no listener and no timer, however it ends', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const alarm = createAlarm()
  const controller = new AbortController()
  const before = timers()
  for (let round = 0; round < 20; round++) {
    const sleep = alarm.sleep(HOUR_MS, controller.signal)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1)
    alarm.ring()
    await sleep
    await alarm.sleep(0, controller.signal)
  }
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  const sleep = alarm.sleep(HOUR_MS, controller.signal)
  controller.abort(new Error('enough'))
  await expect(sleep).rejects.toThrow('enough')
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  // 21 sleeps of an hour would show; a timer of somebody else, come or gone, does not matter.
  expect(timers()).toBeLessThan(before + 10)
})
