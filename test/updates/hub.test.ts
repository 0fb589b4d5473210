import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { createHub, type HubDeps, type HubOptions } from '../../src/updates/hub.ts'
import type { Update } from '../../src/updates/update.ts'
import { until } from '../helpers/until.ts'

const opened: { stop(): void }[] = []
afterEach(() => {
  for (const hub of opened.splice(0)) hub.stop()
})

/** A hub that by itself looks for nothing, unless the test says how often. */
function openHub(deps: Partial<HubDeps> = {}, options: HubOptions = {}) {
  const hub = createHub(
    { readHeads: async () => new Map(), readTails: async () => [], onError: () => {}, ...deps },
    { lookMs: 3_600_000, ...options },
  )
  opened.push(hub)
  return hub
}

function createUpdate(jobId: string, sequence: number, ownerId = 'owner'): Update {
  return {
    jobId,
    ownerId,
    sequence,
    at: new Date(0),
    status: 'QUEUED',
    queuePosition: sequence,
    progress: null,
    logs: [],
    final: false,
    missed: 0,
  }
}

const never = new AbortController().signal

/** Lets a timer of a millisecond, such as the hub's in these tests, ring that often. */
async function ticks(count: number): Promise<void> {
  let passed = 0
  const timer = setInterval(() => passed++, 1)
  await until(() => passed >= count)
  clearInterval(timer)
}

describe('a watched job', () => {
  test('gives its updates in order, to all who watch it', () => {
    const hub = openHub()
    using one = hub.watchJob('a')
    using other = hub.watchJob('a')
    for (const sequence of [1, 2, 3]) hub.publish(createUpdate('a', sequence))
    hub.publish(createUpdate('b', 1))
    expect(one.since(0)?.map(({ sequence }) => sequence)).toEqual([1, 2, 3])
    expect(other.since(0)).toEqual(one.since(0))
    expect(one.head).toBe(3)
  })

  test('does not give what is repeated or late', () => {
    const hub = openHub()
    using watch = hub.watchJob('a')
    for (const sequence of [1, 2, 2, 1, 3]) hub.publish(createUpdate('a', sequence))
    expect(watch.since(0)?.map(({ sequence }) => sequence)).toEqual([1, 2, 3])
  })

  test('with a lost hint says that memory does not tell', () => {
    const hub = openHub()
    using watch = hub.watchJob('a')
    hub.publish(createUpdate('a', 1))
    hub.publish(createUpdate('a', 3))
    expect(watch.since(1)).toBeNull()
    expect(watch.since(2)?.map(({ sequence }) => sequence)).toEqual([3])
  })

  test('knows nothing of what was before it was watched', () => {
    const hub = openHub()
    hub.publish(createUpdate('a', 1))
    using watch = hub.watchJob('a')
    expect([watch.head, watch.since(0)]).toEqual([0, null])
    hub.publish(createUpdate('a', 2))
    expect(watch.since(0)).toBeNull()
    expect(watch.since(1)).toHaveLength(1)
  })

  test('keeps no more than it is told to', () => {
    const hub = openHub({}, { recent: 10 })
    using watch = hub.watchJob('a')
    for (let sequence = 1; sequence <= 1000; sequence++) hub.publish(createUpdate('a', sequence))
    expect(watch.since(990)).toHaveLength(10)
    expect(watch.since(1000 - 20)).toBeNull()
  })
})

describe('waiting for a change', () => {
  test('ends with the next update, for all who wait', async () => {
    const hub = openHub()
    using watch = hub.watchJob('a')
    const waits = Promise.all([watch.changed(0, never), watch.changed(0, never), watch.changed(0, never)])
    hub.publish(createUpdate('a', 1))
    await waits
  })

  test('ends at once when there is something new already', async () => {
    const hub = openHub()
    using watch = hub.watchJob('a')
    hub.publish(createUpdate('a', 5))
    await watch.changed(4, never)
  })

  test('is not ended by what is old, nor by another job', async () => {
    const hub = openHub()
    using watch = hub.watchJob('a')
    using _other = hub.watchJob('b')
    hub.publish(createUpdate('a', 2))
    let ended = false
    const wait = watch.changed(2, never).then(() => {
      ended = true
    })
    hub.publish(createUpdate('a', 1))
    hub.publish(createUpdate('a', 2))
    hub.publish(createUpdate('b', 9))
    await new Promise(setImmediate)
    expect(ended).toBe(false)
    hub.publish(createUpdate('a', 3))
    await wait
  })

  test('ends when the signal aborts, also when it has', async () => {
    const hub = openHub()
    using watch = hub.watchJob('a')
    const controller = new AbortController()
    const wait = watch.changed(0, controller.signal)
    controller.abort()
    await wait
    await watch.changed(0, controller.signal)
  })

  test('leaves no listener behind, however it ends', async () => {
    const hub = openHub()
    using watch = hub.watchJob('a')
    const controller = new AbortController()
    for (let sequence = 1; sequence <= 20; sequence++) {
      const wait = watch.changed(sequence - 1, controller.signal)
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1)
      hub.publish(createUpdate('a', sequence))
      await wait
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    }
    const wait = watch.changed(20, controller.signal)
    controller.abort()
    await wait
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  })
})

describe('closing', () => {
  test('the last watch of a job frees what was kept of it; closing twice is closing once', () => {
    const hub = openHub()
    const one = hub.watchJob('a')
    const other = hub.watchJob('a')
    const ofOwner = hub.watchOwner('owner')
    hub.publish(createUpdate('a', 1))
    expect(hub.size).toBe(2)
    one[Symbol.dispose]()
    one[Symbol.dispose]()
    expect(hub.size).toBe(2)
    expect(other.since(0)).toHaveLength(1)
    other[Symbol.dispose]()
    ofOwner[Symbol.dispose]()
    expect(hub.size).toBe(0)
    using again = hub.watchJob('a')
    expect(again.head).toBe(0)
  })
})

describe('a watched owner', () => {
  test('gives the updates of all jobs of the owner, as they come, and of nobody else', () => {
    const hub = openHub()
    using watch = hub.watchOwner('me')
    hub.publish(createUpdate('a', 4, 'me'))
    hub.publish(createUpdate('b', 1, 'me'))
    hub.publish(createUpdate('c', 1, 'you'))
    hub.publish(createUpdate('a', 5, 'me'))
    expect(watch.since(0)?.map(({ jobId, sequence }) => `${jobId}${sequence}`)).toEqual(['a4', 'b1', 'a5'])
  })

  test('has a name of its own: a job of that name is another thing', () => {
    const hub = openHub()
    using watch = hub.watchOwner('a')
    hub.publish(createUpdate('a', 1, 'owner'))
    expect(watch.head).toBe(0)
  })
})

describe('the look for lost hints', () => {
  test('is one call for all that is watched, and wakes who waits for what it finds', async () => {
    const calls: string[][] = []
    const hub = openHub({ readHeads: async (jobIds) => new Map([['b', calls.push(jobIds) && 7]]) }, { lookMs: 5 })
    using a = hub.watchJob('a')
    using _alsoA = hub.watchJob('a')
    using b = hub.watchJob('b')
    using _owner = hub.watchOwner('owner')
    await b.changed(6, never)
    expect(b.head).toBe(7)
    expect(b.since(6)).toBeNull()
    expect(a.head).toBe(0)
    expect(calls[0]?.toSorted()).toEqual(['a', 'b'])
  })

  test('asks nobody while nothing is watched', async () => {
    let calls = 0
    const hub = openHub({ readHeads: async () => new Map([['b', ++calls]]) }, { lookMs: 1 })
    using watch = hub.watchJob('a')
    await until(() => calls > 0)
    watch[Symbol.dispose]()
    const before = calls
    await ticks(10)
    expect(calls).toBe(before)
  })

  test('does not begin again before the last one has ended', async () => {
    let calls = 0
    let answer: (heads: Map<string, number>) => void = () => {}
    const readHeads = () => {
      calls++
      return new Promise<Map<string, number>>((resolve) => {
        answer = resolve
      })
    }
    const hub = openHub({ readHeads }, { lookMs: 1 })
    using _watch = hub.watchJob('a')
    await until(() => calls === 1)
    await ticks(10)
    expect(calls).toBe(1)
    answer(new Map())
    await until(() => calls === 2)
    answer(new Map())
  })

  test('that fails is reported, and taken again', async () => {
    const stages: string[] = []
    const readHeads = async () => {
      throw new Error('the database is away')
    }
    const hub = openHub({ readHeads, onError: (_error, { stage }) => stages.push(stage) }, { lookMs: 1 })
    using _watch = hub.watchJob('a')
    await until(() => stages.length >= 2)
    expect(new Set(stages)).toEqual(new Set(['look for missed updates']))
  })

  test('ends with the hub', async () => {
    let calls = 0
    const hub = openHub({ readHeads: async () => new Map([['b', ++calls]]) }, { lookMs: 1 })
    using _watch = hub.watchJob('a')
    await until(() => calls > 0)
    hub.stop()
    const before = calls
    await ticks(10)
    expect(calls).toBe(before)
  })
})

describe('a hint of another process', () => {
  /** A log of 20 updates of each job, and what was asked of it. */
  function openLog() {
    const reads: [string, number][][] = []
    return {
      reads,
      readTails: async (after: ReadonlyMap<string, number>) => {
        reads.push([...after])
        return [...after].flatMap(([jobId, last]) =>
          Array.from({ length: 20 - last }, (_, n) => createUpdate(jobId, last + 1 + n, 'me')),
        )
      },
    }
  }
  const hintAt = (jobId: string, sequence: number) => ({ jobId, ownerId: 'me', sequence })

  test('of a watched job is one read, however many watch it', async () => {
    const log = openLog()
    const hub = openHub(log)
    const watches = Array.from({ length: 1_000 }, () => hub.watchJob('a'))
    const waits = watches.map((watch) => watch.changed(17, never))
    hub.hint(hintAt('a', 18))
    hub.hint(hintAt('a', 19))
    hub.hint(hintAt('a', 20))
    await Promise.all(waits)
    expect(log.reads).toEqual([[['a', 17]]])
    for (const watch of watches) {
      expect(watch.since(17)?.map(({ sequence }) => sequence)).toEqual([18, 19, 20])
      watch[Symbol.dispose]()
    }
  })

  test('of many jobs at once is one read', async () => {
    const log = openLog()
    const hub = openHub(log)
    using a = hub.watchJob('a')
    using b = hub.watchJob('b')
    hub.publish(createUpdate('b', 18))
    hub.hint(hintAt('a', 20))
    hub.hint(hintAt('b', 20))
    await Promise.all([a.changed(19, never), b.changed(19, never)])
    expect(log.reads).toEqual([
      [
        ['a', 19],
        ['b', 18],
      ],
    ])
    expect(b.since(17)).toHaveLength(3)
  })

  test('of what nobody watches, or is known, reads nothing', async () => {
    const log = openLog()
    const hub = openHub(log)
    using watch = hub.watchJob('a')
    hub.publish(createUpdate('a', 5))
    hub.hint(hintAt('a', 5))
    hub.hint(hintAt('b', 9))
    hub.hint(hintAt('a', 20))
    await watch.changed(19, never)
    expect(log.reads).toEqual([[['a', 5]]])
  })

  test('that cannot be read now is read later', async () => {
    let isAway = true
    const log = openLog()
    const stages: string[] = []
    const hub = openHub({
      readTails: async (after) => {
        if (isAway) throw new Error('the database is away')
        return await log.readTails(after)
      },
      onError: (_error, { stage }) => stages.push(stage),
    })
    using watch = hub.watchJob('a')
    hub.hint(hintAt('a', 20))
    await until(() => stages.length === 1)
    isAway = false
    await watch.changed(19, never)
    expect(stages).toEqual(['read updates'])
  })

  test('reaches the watch of an owner, each update once and in the order of its job', async () => {
    const log = openLog()
    const hub = openHub(log)
    using watch = hub.watchOwner('me')
    hub.publish(createUpdate('a', 15, 'me'))
    hub.hint(hintAt('a', 17))
    // Published here while 16 and 17 are on their way from elsewhere.
    hub.publish(createUpdate('a', 18, 'me'))
    hub.hint(hintAt('b', 20))
    await until(() => watch.head >= 7)
    const told = watch.since(0) ?? []
    expect(told.filter(({ jobId }) => jobId === 'a').map(({ sequence }) => sequence)).toEqual([15, 16, 17, 18, 19, 20])
    expect(told.filter(({ jobId }) => jobId === 'b').map(({ sequence }) => sequence)).toEqual([20])
  })

  test('may be repeated and late', async () => {
    const log = openLog()
    const hub = openHub(log)
    using watch = hub.watchOwner('me')
    hub.hint(hintAt('a', 20))
    await watch.changed(0, never)
    hub.hint(hintAt('a', 20))
    hub.hint(hintAt('a', 19))
    await ticks(20)
    expect(watch.since(0)).toHaveLength(1)
    expect(log.reads).toHaveLength(1)
  })
})

describe('a gap in the hints', () => {
  test('lets everything that is watched be looked at', async () => {
    const hub = openHub({
      readHeads: async () => new Map([['a', 9]]),
      readTails: async (after) => [...after].map(([jobId]) => createUpdate(jobId, 9)),
    })
    using watch = hub.watchJob('a')
    hub.publish(createUpdate('a', 8))
    hub.gap()
    await watch.changed(8, never)
    expect(watch.since(8)).toHaveLength(1)
  })

  test('takes their place from all who watch an owner, and from none who come later', async () => {
    const hub = openHub()
    using before = hub.watchOwner('me')
    hub.publish(createUpdate('a', 1, 'me'))
    const place = before.head
    hub.gap()
    await before.changed(place, never)
    expect(before.since(place)).toBeNull()
    using after = hub.watchOwner('me')
    const start = after.head
    hub.publish(createUpdate('a', 2, 'me'))
    expect(after.since(start)).toHaveLength(1)
  })
})
