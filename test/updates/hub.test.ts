import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { createHub, type HubDeps, type HubOptions } from '../../src/updates/hub.ts'
import { createNotifier } from '../../src/updates/notifier.ts'
import type { Update } from '../../src/updates/update.ts'
import { until } from '../helpers/until.ts'

const opened: { stop(): void }[] = []
afterEach(() => {
  for (const hub of opened.splice(0)) hub.stop()
})

type OpenOptions = Partial<HubDeps['log']> & Partial<Pick<HubDeps, 'onError'>>

/** A hub that never polls, unless the test sets how often, and what notifies it. */
function openHub({ onError = () => {}, ...log }: OpenOptions = {}, options: HubOptions = {}) {
  const notifier = createNotifier()
  const hub = createHub(
    { notifier, log: { heads: async () => new Map(), readTails: async () => [], ...log }, onError },
    { pollMs: 3_600_000, ...options },
  )
  opened.push(hub)
  return Object.assign(hub, {
    store: (update: Update) => notifier.emit('updateStored', update, null),
    storeRemotely: (head: { jobId: string; ownerId: string; sequence: number }) =>
      notifier.emit('remoteUpdateStored', head),
    resync: () => notifier.emit('resync'),
  })
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

/** Lets a timer of a millisecond, such as the hub's in these tests, fire that often. */
async function ticks(count: number): Promise<void> {
  let passed = 0
  const timer = setInterval(() => passed++, 1)
  await until(() => passed >= count)
  clearInterval(timer)
}

describe('a watched job', () => {
  test('has its updates in order, for all subscribers', () => {
    const hub = openHub()
    using one = hub.watchJob('a')
    using other = hub.watchJob('a')
    for (const sequence of [1, 2, 3]) hub.store(createUpdate('a', sequence))
    hub.store(createUpdate('b', 1))
    expect(one.since(0)?.map(({ sequence }) => sequence)).toEqual([1, 2, 3])
    expect(other.since(0)).toEqual(one.since(0))
    expect(one.head).toBe(3)
  })

  test('ignores repeated and late updates', () => {
    const hub = openHub()
    using watch = hub.watchJob('a')
    for (const sequence of [1, 2, 2, 1, 3]) hub.store(createUpdate('a', sequence))
    expect(watch.since(0)?.map(({ sequence }) => sequence)).toEqual([1, 2, 3])
  })

  test('is not in memory after a lost notification', () => {
    const hub = openHub()
    using watch = hub.watchJob('a')
    hub.store(createUpdate('a', 1))
    hub.store(createUpdate('a', 3))
    expect(watch.since(1)).toBeNull()
    expect(watch.since(2)?.map(({ sequence }) => sequence)).toEqual([3])
  })

  test('has nothing from before it was watched', () => {
    const hub = openHub()
    hub.store(createUpdate('a', 1))
    using watch = hub.watchJob('a')
    expect([watch.head, watch.since(0)]).toEqual([0, null])
    hub.store(createUpdate('a', 2))
    expect(watch.since(0)).toBeNull()
    expect(watch.since(1)).toHaveLength(1)
  })

  test('keeps no more updates than its limit', () => {
    const hub = openHub({}, { recent: 10 })
    using watch = hub.watchJob('a')
    for (let sequence = 1; sequence <= 1000; sequence++) hub.store(createUpdate('a', sequence))
    expect(watch.since(990)).toHaveLength(10)
    expect(watch.since(1000 - 20)).toBeNull()
  })
})

describe('waiting for a change', () => {
  test('ends with the next update, for every waiting subscriber', async () => {
    const hub = openHub()
    using watch = hub.watchJob('a')
    const waits = Promise.all([watch.changed(0, never), watch.changed(0, never), watch.changed(0, never)])
    hub.store(createUpdate('a', 1))
    await waits
  })

  test('ends at once when there is a newer update already', async () => {
    const hub = openHub()
    using watch = hub.watchJob('a')
    hub.store(createUpdate('a', 5))
    await watch.changed(4, never)
  })

  test('is ended neither by an old update nor by another job', async () => {
    const hub = openHub()
    using watch = hub.watchJob('a')
    using _other = hub.watchJob('b')
    hub.store(createUpdate('a', 2))
    let ended = false
    const wait = watch.changed(2, never).then(() => {
      ended = true
    })
    hub.store(createUpdate('a', 1))
    hub.store(createUpdate('a', 2))
    hub.store(createUpdate('b', 9))
    await new Promise(setImmediate)
    expect(ended).toBe(false)
    hub.store(createUpdate('a', 3))
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
      hub.store(createUpdate('a', sequence))
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
    hub.store(createUpdate('a', 1))
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
  test('yields the updates of all jobs of the owner in order, and none of other owners', () => {
    const hub = openHub()
    using watch = hub.watchOwner('me')
    hub.store(createUpdate('a', 4, 'me'))
    hub.store(createUpdate('b', 1, 'me'))
    hub.store(createUpdate('c', 1, 'you'))
    hub.store(createUpdate('a', 5, 'me'))
    expect(watch.since(0)?.map(({ jobId, sequence }) => `${jobId}${sequence}`)).toEqual(['a4', 'b1', 'a5'])
  })

  test('has a name of its own: a job of that name is another thing', () => {
    const hub = openHub()
    using watch = hub.watchOwner('a')
    hub.store(createUpdate('a', 1, 'owner'))
    expect(watch.head).toBe(0)
  })
})

describe('the poll for lost notifications', () => {
  test('is one query for everything that is watched, and wakes up subscribers behind its result', async () => {
    const calls: (readonly string[])[] = []
    const hub = openHub({ heads: async (jobIds) => new Map([['b', calls.push(jobIds) && 7]]) }, { pollMs: 5 })
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

  test('reads nothing while nothing is watched', async () => {
    let calls = 0
    const hub = openHub({ heads: async () => new Map([['b', ++calls]]) }, { pollMs: 1 })
    using watch = hub.watchJob('a')
    await until(() => calls > 0)
    watch[Symbol.dispose]()
    const before = calls
    await ticks(10)
    expect(calls).toBe(before)
  })

  test('never runs twice at once', async () => {
    let calls = 0
    let answer: (heads: Map<string, number>) => void = () => {}
    const heads = () => {
      calls++
      return new Promise<Map<string, number>>((resolve) => {
        answer = resolve
      })
    }
    const hub = openHub({ heads }, { pollMs: 1 })
    using _watch = hub.watchJob('a')
    await until(() => calls === 1)
    await ticks(10)
    expect(calls).toBe(1)
    answer(new Map())
    await until(() => calls === 2)
    answer(new Map())
  })

  test('that fails is reported and retried', async () => {
    const stages: string[] = []
    const heads = async () => {
      throw new Error('the database is unavailable')
    }
    const hub = openHub({ heads, onError: (_error, { stage }) => stages.push(stage) }, { pollMs: 1 })
    using _watch = hub.watchJob('a')
    await until(() => stages.length >= 2)
    expect(new Set(stages)).toEqual(new Set(['poll for missed updates']))
  })

  test('stops with the hub', async () => {
    let calls = 0
    const hub = openHub({ heads: async () => new Map([['b', ++calls]]) }, { pollMs: 1 })
    using _watch = hub.watchJob('a')
    await until(() => calls > 0)
    hub.stop()
    const before = calls
    await ticks(10)
    expect(calls).toBe(before)
  })
})

describe('a notification from another process', () => {
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
  const headOf = (jobId: string, sequence: number) => ({ jobId, ownerId: 'me', sequence })

  test('about a watched job is one read, however many subscribers it has', async () => {
    const log = openLog()
    const hub = openHub(log)
    const watches = Array.from({ length: 1_000 }, () => hub.watchJob('a'))
    const waits = watches.map((watch) => watch.changed(17, never))
    hub.storeRemotely(headOf('a', 18))
    hub.storeRemotely(headOf('a', 19))
    hub.storeRemotely(headOf('a', 20))
    await Promise.all(waits)
    expect(log.reads).toEqual([[['a', 17]]])
    for (const watch of watches) {
      expect(watch.since(17)?.map(({ sequence }) => sequence)).toEqual([18, 19, 20])
      watch[Symbol.dispose]()
    }
  })

  test('about many jobs at once is one read', async () => {
    const log = openLog()
    const hub = openHub(log)
    using a = hub.watchJob('a')
    using b = hub.watchJob('b')
    hub.store(createUpdate('b', 18))
    hub.storeRemotely(headOf('a', 20))
    hub.storeRemotely(headOf('b', 20))
    await Promise.all([a.changed(19, never), b.changed(19, never)])
    expect(log.reads).toEqual([
      [
        ['a', 19],
        ['b', 18],
      ],
    ])
    expect(b.since(17)).toHaveLength(3)
  })

  test('about an unwatched job or a known update reads nothing', async () => {
    const log = openLog()
    const hub = openHub(log)
    using watch = hub.watchJob('a')
    hub.store(createUpdate('a', 5))
    hub.storeRemotely(headOf('a', 5))
    hub.storeRemotely(headOf('b', 9))
    hub.storeRemotely(headOf('a', 20))
    await watch.changed(19, never)
    expect(log.reads).toEqual([[['a', 5]]])
  })

  test('is retried when the read fails', async () => {
    let isUnavailable = true
    const log = openLog()
    const stages: string[] = []
    const hub = openHub({
      readTails: async (after) => {
        if (isUnavailable) throw new Error('the database is unavailable')
        return await log.readTails(after)
      },
      onError: (_error, { stage }) => stages.push(stage),
    })
    using watch = hub.watchJob('a')
    hub.storeRemotely(headOf('a', 20))
    await until(() => stages.length === 1)
    isUnavailable = false
    await watch.changed(19, never)
    expect(stages).toEqual(['read updates'])
  })

  test('reaches the watch of an owner, each update once and in its job’s order', async () => {
    const log = openLog()
    const hub = openHub(log)
    using watch = hub.watchOwner('me')
    hub.store(createUpdate('a', 15, 'me'))
    hub.storeRemotely(headOf('a', 17))
    // Stored here while 16 and 17 are being fetched.
    hub.store(createUpdate('a', 18, 'me'))
    hub.storeRemotely(headOf('b', 20))
    await until(() => watch.head >= 7)
    const updates = watch.since(0) ?? []
    expect(updates.filter(({ jobId }) => jobId === 'a').map(({ sequence }) => sequence)).toEqual([
      15, 16, 17, 18, 19, 20,
    ])
    expect(updates.filter(({ jobId }) => jobId === 'b').map(({ sequence }) => sequence)).toEqual([20])
  })

  test('may be repeated and late', async () => {
    const log = openLog()
    const hub = openHub(log)
    using watch = hub.watchOwner('me')
    hub.storeRemotely(headOf('a', 20))
    await watch.changed(0, never)
    hub.storeRemotely(headOf('a', 20))
    hub.storeRemotely(headOf('a', 19))
    await ticks(20)
    expect(watch.since(0)).toHaveLength(1)
    expect(log.reads).toHaveLength(1)
  })
})

describe('a resync', () => {
  test('reads everything that is watched', async () => {
    const hub = openHub({
      heads: async () => new Map([['a', 9]]),
      readTails: async (after) => [...after].map(([jobId]) => createUpdate(jobId, 9)),
    })
    using watch = hub.watchJob('a')
    hub.store(createUpdate('a', 8))
    hub.resync()
    await watch.changed(8, never)
    expect(watch.since(8)).toHaveLength(1)
  })

  test('loses the place of every subscriber of an owner, but not of later ones', async () => {
    const hub = openHub()
    using before = hub.watchOwner('me')
    hub.store(createUpdate('a', 1, 'me'))
    const place = before.head
    hub.resync()
    await before.changed(place, never)
    expect(before.since(place)).toBeNull()
    using after = hub.watchOwner('me')
    const start = after.head
    hub.store(createUpdate('a', 2, 'me'))
    expect(after.since(start)).toHaveLength(1)
  })
})
