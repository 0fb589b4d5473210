import { afterEach, expect, test } from 'vitest'
import type { Bus, BusEvents, Notification } from '../../src/adapters/bus/bus.ts'
import { until } from '../helpers/until.ts'

/** What the suite needs of a driver. */
export interface BusDriver {
  open(events: BusEvents): Promise<Bus>
  /** Ends all connections of the bus from the other side. */
  cut(): Promise<void>
  /** Puts a text on the bus that no Reelay would. */
  post(text: string): Promise<void>
}

interface Member extends Bus {
  hints: Notification[]
  gaps: number
  errors: string[]
}

/** What every bus promises. */
export function testBus(driver: () => BusDriver): void {
  const members: Member[] = []
  afterEach(async () => {
    for (const member of members.splice(0)) await member.stop()
  })

  async function join(): Promise<Member> {
    const seen = { hints: [] as Notification[], gaps: 0, errors: [] as string[] }
    const bus = await driver().open({
      onNotification: (hint) => seen.hints.push(hint),
      onResync: () => {
        seen.gaps++
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

  test('a hint comes to all others as it was, and not to its sender', async () => {
    const [one, two, three] = [await join(), await join(), await join()]
    const hints: Notification[] = [{ kind: 'task' }, update(7), { kind: 'job', jobId: 'b' }]
    for (const hint of hints) one.send(hint)
    await until(() => two.hints.length === 3 && three.hints.length === 3)
    two.send({ kind: 'task' })
    await until(() => one.hints.length === 1)
    expect(two.hints).toEqual(hints)
    expect(three.hints.slice(0, 3)).toEqual(hints)
    expect(one.hints).toEqual([{ kind: 'task' }])
  })

  test('thousands at once come whole and in order', async () => {
    const [one, two] = [await join(), await join()]
    for (let sequence = 1; sequence <= 5_000; sequence++) one.send(update(sequence))
    await until(() => two.hints.length >= 5_000)
    expect(two.hints.map((hint) => hint.kind === 'update' && hint.sequence)).toEqual(
      Array.from({ length: 5_000 }, (_, n) => n + 1),
    )
    expect(two.gaps).toBe(0)
  })

  test('more than can wait is told as a gap', async () => {
    const [one, two] = [await join(), await join()]
    for (let sequence = 1; sequence <= 10_002; sequence++) one.send(update(sequence))
    await until(() => two.gaps === 1 && two.hints.length > 0)
    expect(two.hints.at(-1)).toEqual(update(10_002))
  })

  test('a lost connection is told as a gap when it is back, and hints go on', async () => {
    const [one, two] = [await join(), await join()]
    await driver().cut()
    await until(() => one.gaps > 0 && two.gaps > 0)
    one.send(update(1))
    two.send(update(2))
    await until(() => two.hints.length === 1 && one.hints.length === 1)
    expect(two.hints).toEqual([update(1)])
    expect(one.errors).toEqual(['bus'])
  })

  test('what was sent while the connection was away is told as a gap to the others', async () => {
    const [one, two] = [await join(), await join()]
    await driver().cut()
    // The sender learns of it by what it sends, if not before.
    one.send(update(1))
    await until(() => two.hints.length > 0 || two.gaps >= 2 || (two.gaps === 1 && one.gaps === 1))
    two.hints.length = 0
    one.send(update(2))
    await until(() => two.hints.some((hint) => hint.kind === 'update' && hint.sequence === 2))
  })

  test('a text that is no message is reported and changes nothing', async () => {
    const one = await join()
    for (const text of ['', 'x', '{}', '[]', '{"from":"x","hints":[["u"]]}', '{"from":"x","hints":[["z",1]]}'])
      await driver().post(text)
    await until(() => one.errors.length === 6)
    expect(one.hints).toEqual([])
    const two = await join()
    two.send({ kind: 'task' })
    await until(() => one.hints.length === 1)
  })

  test('after stop nothing comes', async () => {
    const [one, two, three] = [await join(), await join(), await join()]
    await two.stop()
    one.send({ kind: 'task' })
    two.send({ kind: 'task' })
    await until(() => three.hints.length === 1)
    expect(two.hints).toEqual([])
  })
}
