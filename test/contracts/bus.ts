import { afterEach, expect, test } from 'vitest'
import type { Bus, BusEvents, Notification } from '../../src/adapters/bus/bus.ts'
import { until } from '../helpers/until.ts'

/** The hooks that the suite needs from a driver. */
export interface BusDriver {
  open(events: BusEvents): Promise<Bus>
  /** Closes all connections of the bus on the server's side. */
  cut(): Promise<void>
  /** Sends a text that no Reelay sends. */
  post(text: string): Promise<void>
}

interface Member extends Bus {
  notifications: Notification[]
  resyncs: number
  errors: string[]
}

/** The contract of every bus driver. */
export function testBus(driver: () => BusDriver): void {
  const members: Member[] = []
  afterEach(async () => {
    for (const member of members.splice(0)) await member.stop()
  })

  async function join(): Promise<Member> {
    const seen = { notifications: [] as Notification[], resyncs: 0, errors: [] as string[] }
    const bus = await driver().open({
      onNotification: (notification) => seen.notifications.push(notification),
      onResync: () => {
        seen.resyncs++
      },
      onError: (_error, { stage }) => seen.errors.push(stage),
    })
    const member = Object.assign(seen, bus)
    members.push(member)
    return member
  }

  const update = (sequence: number): Notification => ({
    kind: 'update',
    jobId: 'a job',
    ownerId: 'an "öwner"',
    sequence,
  })

  test('a notification reaches all other instances unchanged, and not its sender', async () => {
    const [one, two, three] = [await join(), await join(), await join()]
    const notifications: Notification[] = [{ kind: 'task' }, update(7), { kind: 'job', jobId: 'b' }]
    for (const notification of notifications) one.send(notification)
    await until(() => two.notifications.length === 3 && three.notifications.length === 3)
    two.send({ kind: 'task' })
    await until(() => one.notifications.length === 1)
    expect(two.notifications).toEqual(notifications)
    expect(three.notifications.slice(0, 3)).toEqual(notifications)
    expect(one.notifications).toEqual([{ kind: 'task' }])
  })

  test('thousands of concurrent notifications arrive complete and in order', async () => {
    const [one, two] = [await join(), await join()]
    for (let sequence = 1; sequence <= 5_000; sequence++) one.send(update(sequence))
    await until(() => two.notifications.length >= 5_000)
    expect(two.notifications.map((notification) => notification.kind === 'update' && notification.sequence)).toEqual(
      Array.from({ length: 5_000 }, (_, n) => n + 1),
    )
    expect(two.resyncs).toBe(0)
  })

  test('more notifications than the buffer holds are reported as a resync', async () => {
    const [one, two] = [await join(), await join()]
    for (let sequence = 1; sequence <= 10_002; sequence++) one.send(update(sequence))
    await until(() => two.resyncs === 1 && two.notifications.length > 0)
    expect(two.notifications.at(-1)).toEqual(update(10_002))
  })

  test('a reconnect is reported as a resync, and notifications continue', async () => {
    const [one, two] = [await join(), await join()]
    await driver().cut()
    await until(() => one.resyncs > 0 && two.resyncs > 0)
    one.send(update(1))
    two.send(update(2))
    await until(() => two.notifications.length === 1 && one.notifications.length === 1)
    expect(two.notifications).toEqual([update(1)])
    expect(one.errors).toEqual(['bus'])
  })

  test('notifications sent while the connection was down are reported to the others as a resync', async () => {
    const [one, two] = [await join(), await join()]
    await driver().cut()
    // The sender notices the lost connection when it sends, if not earlier.
    one.send(update(1))
    await until(() => two.notifications.length > 0 || two.resyncs >= 2 || (two.resyncs === 1 && one.resyncs === 1))
    two.notifications.length = 0
    one.send(update(2))
    await until(() =>
      two.notifications.some((notification) => notification.kind === 'update' && notification.sequence === 2),
    )
  })

  test('a text that is not a message is reported and ignored', async () => {
    const one = await join()
    for (const text of ['', 'x', '{}', '[]', '{"from":"x","hints":[["u"]]}', '{"from":"x","hints":[["z",1]]}'])
      await driver().post(text)
    await until(() => one.errors.length === 6)
    expect(one.notifications).toEqual([])
    const two = await join()
    two.send({ kind: 'task' })
    await until(() => one.notifications.length === 1)
  })

  test('after stop no notification arrives', async () => {
    const [one, two, three] = [await join(), await join(), await join()]
    await two.stop()
    one.send({ kind: 'task' })
    two.send({ kind: 'task' })
    await until(() => three.notifications.length === 1)
    expect(two.notifications).toEqual([])
  })
}
