import { afterEach, describe, expect, test } from 'vitest'
import { FeedLaggedError, InvalidArgumentError } from '../../src/errors.ts'
import { createHub, type HubOptions } from '../../src/updates/hub.ts'
import { createNotifier } from '../../src/updates/notifier.ts'
import { createStreams } from '../../src/updates/stream.ts'
import type { Update } from '../../src/updates/update.ts'
import { createSeeded, type Seeded } from '../helpers/seeded.ts'
import { createMemoryLog } from './memory-log.ts'

const opened: { stop(): void }[] = []
afterEach(() => {
  for (const hub of opened.splice(0)) hub.stop()
})

interface RigOptions extends HubOptions {
  /** Between the log and the hub: what it does not pass on is a lost notification. */
  carry?(update: Update, publish: (update: Update) => void): void
  delay?(): Promise<void>
}

/** A log, a hub and their streams, with one job named `job`. */
function openStreamRig({ carry = (update, publish) => publish(update), delay, ...options }: RigOptions = {}) {
  const notifier = createNotifier()
  const notify = (update: Update) => void notifier.emit('updateStored', update, null)
  const log = createMemoryLog({ publish: (update) => carry(update, notify), ...(delay && { delay }) })
  const hub = createHub(
    { notifier, log, onError: (error) => expect.unreachable(String(error)) },
    { pollMs: 3_600_000, ...options },
  )
  opened.push(hub)
  log.create('job')
  const append = (position: number) =>
    log.append({ jobId: 'job', claim: null, status: 'QUEUED', queuePosition: position })
  const end = () => log.append({ jobId: 'job', claim: null, status: 'SUCCEEDED' })
  return { log, hub, streams: createStreams({ log, hub }), append, end }
}

async function readAll(stream: AsyncIterable<Update>): Promise<number[]> {
  const sequences: number[] = []
  for await (const update of stream) sequences.push(update.sequence)
  return sequences
}

/** The value of a promise if it has settled after everything that could run has run. */
async function settled<T>(promise: Promise<T>): Promise<T | 'pending'> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  return await Promise.race([promise, Promise.resolve('pending' as const)])
}

/** Fails a test that a broken stream would leave waiting. */
async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  const limit = AbortSignal.timeout(4000)
  return await Promise.race([
    promise,
    new Promise<never>((_resolve, reject) =>
      limit.addEventListener('abort', () => reject(new Error(`${what} did not come within 4 s`))),
    ),
  ])
}

describe('a subscriber of a job', () => {
  test('without a cursor gets the current state with all log lines, then the new updates', async () => {
    const { log, streams, end } = openStreamRig()
    const line = (message: string) => ({ at: null, level: 'INFO' as const, message })
    await log.append({ jobId: 'job', claim: null, status: 'RUNNING', progress: 0.5, logs: [line('one')] })
    await log.append({ jobId: 'job', claim: null, status: 'RUNNING', logs: [line('two')] })
    const stream = streams.ofJob('job', null)
    expect((await stream.next()).value).toMatchObject({
      sequence: 3,
      status: 'RUNNING',
      progress: 0.5,
      missed: 0,
      logs: [{ message: 'one' }, { message: 'two' }],
    })
    await end()
    expect((await stream.next()).value).toMatchObject({ sequence: 4, status: 'SUCCEEDED', final: true, missed: 0 })
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  test('with a cursor gets the updates after it, then the new ones', async () => {
    const { streams, append, end } = openStreamRig()
    for (const position of [9, 8, 7]) await append(position)
    const stream = streams.ofJob('job', 2)
    expect((await stream.next()).value).toMatchObject({ sequence: 3, queuePosition: 8, missed: 0 })
    expect((await stream.next()).value).toMatchObject({ sequence: 4 })
    const next = stream.next()
    expect(await settled(next)).toBe('pending')
    await append(6)
    expect((await next).value).toMatchObject({ sequence: 5, queuePosition: 6 })
    await end()
    expect(await readAll(stream)).toEqual([6])
  })

  test('with a cursor at 0 gets the whole history of the job', async () => {
    const { streams, append, end } = openStreamRig()
    for (let position = 300; position > 0; position--) await append(position)
    await end()
    expect(await readAll(streams.ofJob('job', 0))).toEqual(Array.from({ length: 302 }, (_, index) => index + 1))
  })

  test('of an ended job gets its final state only', async () => {
    const { streams, append, end } = openStreamRig()
    await append(1)
    await end()
    expect(await readAll(streams.ofJob('job', null))).toEqual([3])
  })

  test('with the cursor of the terminal update completes at once', async () => {
    const { streams, end, hub } = openStreamRig()
    await end()
    expect(await soon(readAll(streams.ofJob('job', 2)), 'the end')).toEqual([])
    expect(hub.size).toBe(0)
  })

  test('with the cursor of the terminal update completes at once, also while another subscriber reads', async () => {
    const { streams, append, end } = openStreamRig()
    const slow = streams.ofJob('job', 0)
    await slow.next()
    await append(1)
    await end()
    expect(await soon(readAll(streams.ofJob('job', 3)), 'the end')).toEqual([])
    await slow.return?.()
  })

  test('with a cursor beyond the log gets an error', async () => {
    const { streams, append } = openStreamRig()
    await append(1)
    const error = await streams
      .ofJob('job', 3)
      .next()
      .catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect(error).toMatchObject({ argument: 'after', message: expect.stringContaining('beyond the log') })
  })

  test('with a cursor beyond the log gets an error, also while another subscriber reads', async () => {
    const { streams, append } = openStreamRig()
    const other = streams.ofJob('job', 0)
    await other.next()
    await append(1)
    await expect(soon(streams.ofJob('job', 3).next(), 'an answer')).rejects.toBeInstanceOf(InvalidArgumentError)
    await other.return?.()
  })

  test('gets the number of updates that were pruned between two', async () => {
    const { log, streams, append, end } = openStreamRig()
    for (const position of [9, 8, 7, 6]) await append(position)
    await end()
    log.prune('job', 5)
    const updates = await Array.fromAsync(streams.ofJob('job', 1))
    expect(updates.map(({ sequence, missed }) => ({ sequence, missed }))).toEqual([
      { sequence: 5, missed: 3 },
      { sequence: 6, missed: 0 },
    ])
  })

  test('gets the terminal update even when every update after the cursor was pruned', async () => {
    const { log, streams, append, end } = openStreamRig()
    await append(9)
    await end()
    log.prune('job', 100)
    const updates = await Array.fromAsync(streams.ofJob('job', 1))
    expect(updates).toMatchObject([{ sequence: 3, status: 'SUCCEEDED', final: true, missed: 1, logs: [] }])
  })

  test('gets updates without a notification when the hub polls', async () => {
    const { streams, append, end } = openStreamRig({ carry: () => {}, pollMs: 2 })
    const all = readAll(streams.ofJob('job', 1))
    await append(3)
    await append(2)
    await end()
    expect(await soon(all, 'the end')).toEqual([2, 3, 4])
  })

  test('of a job that does not exist gets an error, and leaves no watch', async () => {
    const { hub, streams } = openStreamRig()
    await expect(streams.ofJob('nobody', null).next()).rejects.toThrow('does not exist any more')
    expect(hub.size).toBe(0)
  })
})

test('updates that commit while the log is being read are not lost, nor is a terminal one among them', async () => {
  const { log, hub, append, end } = openStreamRig({ carry: () => {} })
  let isFirst = true
  const snapshot = async (jobId: string) => {
    // The subscriber has found nothing after its cursor, and now reads the state.
    if (isFirst) {
      isFirst = false
      await append(1)
      await end()
    }
    return await log.snapshot(jobId)
  }
  const streams = createStreams({ log: { ...log, snapshot }, hub })
  const updates = await soon(Array.fromAsync(streams.ofJob('job', 1)), 'the end')
  expect(updates.map(({ sequence, missed }) => ({ sequence, missed }))).toEqual([
    { sequence: 2, missed: 0 },
    { sequence: 3, missed: 0 },
  ])
})

test('the terminal update is complete, also when it commits while the log is being read', async () => {
  const { log, hub } = openStreamRig({ carry: () => {} })
  let isFirst = true
  const snapshot = async (jobId: string) => {
    const logs = [{ at: null, level: 'ERROR' as const, message: 'out of memory' }]
    if (isFirst) await log.append({ jobId, claim: null, status: 'FAILED', logs })
    isFirst = false
    return await log.snapshot(jobId)
  }
  const streams = createStreams({ log: { ...log, snapshot }, hub })
  const updates = await soon(Array.fromAsync(streams.ofJob('job', 1)), 'the end')
  expect(updates).toMatchObject([{ sequence: 2, final: true, logs: [{ message: 'out of memory' }] }])
})

describe('stopping a subscriber', () => {
  test('that waits releases everything at once', async () => {
    const { hub, streams } = openStreamRig()
    const stream = streams.ofJob('job', 1)
    const waiting = stream.next()
    expect(await settled(waiting)).toBe('pending')
    expect(hub.size).toBe(1)
    expect(await soon(stream.return?.() ?? Promise.resolve(null), 'the return')).toEqual({
      done: true,
      value: undefined,
    })
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(hub.size).toBe(0)
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  test('that waits for the feed releases everything at once', async () => {
    const { hub, streams } = openStreamRig()
    const feed = streams.ofOwner('owner')
    const waiting = feed.next()
    expect(hub.size).toBe(1)
    await soon(feed.return?.() ?? Promise.resolve(null), 'the return')
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(hub.size).toBe(0)
  })

  test('between two updates releases everything', async () => {
    const { hub, streams, append } = openStreamRig()
    await append(1)
    const stream = streams.ofJob('job', 0)
    await stream.next()
    expect(hub.size).toBe(1)
    await stream.return?.()
    expect(hub.size).toBe(0)
  })

  test('before its first read, or twice, is harmless', async () => {
    const { hub, streams } = openStreamRig()
    const stream = streams.ofJob('job', 0)
    await stream.return?.()
    await stream.return?.()
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    expect(hub.size).toBe(0)
  })

  test('does not stop the others', async () => {
    const { hub, streams, end } = openStreamRig()
    const one = streams.ofJob('job', 1)
    const other = streams.ofJob('job', 1)
    const [waitingOne, waitingOther] = [one.next(), other.next()]
    await settled(waitingOne)
    await one.return?.()
    await end()
    expect(await waitingOne).toMatchObject({ done: true })
    expect((await waitingOther).value).toMatchObject({ sequence: 2 })
    expect(await readAll(other)).toEqual([])
    expect(hub.size).toBe(0)
  })
})

test('a slow subscriber keeps a cursor, not a queue: it reads what it missed from the log', async () => {
  const { log, streams, append, end } = openStreamRig({ recent: 4 })
  const slow = streams.ofJob('job', 1)
  await append(1001)
  await slow.next()
  for (let position = 1000; position > 0; position--) await append(position)
  await end()
  const before = log.reads.readMany
  expect(await readAll(slow)).toEqual(Array.from({ length: 1001 }, (_, index) => index + 3))
  // Pages of a hundred: nothing was kept for it meanwhile.
  expect(log.reads.readMany - before).toBeGreaterThanOrEqual(10)
})

test('a hundred subscribers of a running job read the log once each: the rest comes from memory', async () => {
  const { log, streams, append, end } = openStreamRig()
  const readers = Array.from({ length: 100 }, () => streams.ofJob('job', null))
  await Promise.all(readers.map((reader) => reader.next()))
  const all = readers.map(readAll)
  await settled(Promise.all(all))
  const before = { ...log.reads }
  for (const position of [3, 2, 1]) await append(position)
  await end()
  expect(await soon(Promise.all(all), 'the ends')).toEqual(Array.from({ length: 100 }, () => [2, 3, 4, 5]))
  expect(log.reads).toEqual(before)
})

describe('the feed of an owner', () => {
  test('yields the updates of all jobs of the owner from now on, and of no other owner', async () => {
    const { log, streams, append } = openStreamRig()
    await append(5)
    log.create('second')
    log.create('foreign', 'somebody else')
    const feed = streams.ofOwner('owner')
    const first = feed.next()
    await log.append({ jobId: 'foreign', claim: null, status: 'QUEUED' })
    await append(4)
    await log.append({ jobId: 'second', claim: null, status: 'QUEUED' })
    expect((await first).value).toMatchObject({ jobId: 'job', sequence: 3 })
    expect((await feed.next()).value).toMatchObject({ jobId: 'second', sequence: 2 })
    expect(await settled(feed.next())).toBe('pending')
    await feed.return?.()
  })

  test('does not end with a job', async () => {
    const { streams, end } = openStreamRig()
    const feed = streams.ofOwner('owner')
    const first = feed.next()
    await end()
    expect((await first).value).toMatchObject({ final: true })
    expect(await settled(feed.next())).toBe('pending')
    await feed.return?.()
  })

  test('that fell behind further than the hub keeps updates gets an error, and leaves no watch', async () => {
    const { hub, streams, append } = openStreamRig({ recentOfOwner: 4 })
    const feed = streams.ofOwner('owner')
    const first = feed.next()
    await append(100)
    await first
    for (let position = 99; position > 80; position--) await append(position)
    await expect(readAll(feed)).rejects.toBeInstanceOf(FeedLaggedError)
    expect(hub.size).toBe(0)
  })

  test('that fell behind by less than the hub keeps misses nothing', async () => {
    const { streams, append } = openStreamRig({ recentOfOwner: 20 })
    const feed = streams.ofOwner('owner')
    const first = feed.next()
    await append(100)
    await first
    for (let position = 99; position > 80; position--) await append(position)
    for (let position = 99; position > 80; position--)
      expect((await feed.next()).value).toMatchObject({ queuePosition: position })
    await feed.return?.()
  })
})

describe('in any interleaving of writers, notifications and subscribers', () => {
  const first = Number(process.env.TEST_SEED ?? 1)

  test.each(Array.from({ length: 40 }, (_, index) => first + index))(
    'every subscriber gets every update once, in order (TEST_SEED=%d)',
    async (seed) => {
      const random = createSeeded(seed)
      // Some waits are long, so that the others take several steps between two of one participant.
      const turns = () => takeTurns(random, random.chance(0.1) ? 40 : 3)
      const rig = openStreamRig({
        recent: random.whole(1, 8),
        pollMs: 2,
        delay: turns,
        // A quarter of the notifications is lost, and a quarter is late: after others, and perhaps without a subscriber.
        carry: (update, publish) => {
          if (random.chance(0.25)) return
          if (random.chance(0.3)) void takeTurns(random, 30).then(() => publish(update))
          else publish(update)
        },
      })
      const count = random.whole(2, 30)
      const readers = Array.from({ length: random.whole(1, 6) }, () => readWithBreaks(rig, random))
      const writing = (async () => {
        for (let position = count; position > 0; position--) {
          await rig.append(position)
          await turns()
        }
        await rig.end()
      })()
      for (const { start, sequences } of await soon(Promise.all(readers), 'the end of all readers'))
        expect(sequences).toEqual(Array.from({ length: count + 2 - start }, (_, index) => start + 1 + index))
      await writing
      expect(rig.hub.size).toBe(0)
    },
  )

  async function takeTurns(random: Seeded, most: number): Promise<void> {
    for (let turn = random.whole(0, most); turn > 0; turn--) await new Promise(setImmediate)
  }

  /** Reads to the end with pauses; disconnects now and then, and resumes after the last update. */
  async function readWithBreaks({ streams, log }: ReturnType<typeof openStreamRig>, random: Seeded) {
    await takeTurns(random, 20)
    const now = await log.snapshot('job')
    const start = random.whole(0, now.final ? now.sequence - 1 : now.sequence)
    const sequences: number[] = []
    for (let cursor = start; ; cursor = sequences.at(-1) ?? start) {
      const stream = streams.ofJob('job', cursor)
      for await (const update of stream) {
        expect(update.missed).toBe(0)
        sequences.push(update.sequence)
        if (update.final) return { start, sequences }
        await takeTurns(random, 4)
        if (random.chance(0.2)) break
      }
    }
  }
})

test('a subscriber without a cursor starts at the current state and misses nothing after it', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = createSeeded(seed)
    const { streams, append, end } = openStreamRig({
      delay: async () => {
        for (let turn = random.whole(0, 3); turn > 0; turn--) await new Promise(setImmediate)
      },
    })
    const writing = (async () => {
      for (let position = 8; position > 0; position--) await append(position)
      await end()
    })()
    const sequences = await soon(readAll(streams.ofJob('job', null)), `the end (seed ${seed})`)
    const from = sequences[0] ?? 0
    expect({ seed, sequences }).toEqual({
      seed,
      sequences: Array.from({ length: 11 - from }, (_, index) => from + index),
    })
    await writing
  }
})
