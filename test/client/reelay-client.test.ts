import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionState, ReelayClient } from '../../client/core/reelay-client.ts'
import { GenerateVideoDocument } from '../../operations/generated/graphql.ts'
import { createImageUrl } from '../faults/client.ts'
import { type Cluster, type Member, startCluster } from '../faults/cluster.ts'
import { type FakeFal, startFakeFal } from '../faults/fake-fal.ts'
import { type FaultProxy, startFaultProxy } from '../helpers/fault-proxy.ts'
import { request } from '../helpers/graphql-client.ts'
import { until } from '../helpers/until.ts'
import { type ClientOptions, createCountingWebSocket, openClient, readStoredSequences, readWatch } from './rig.ts'

let fal: FakeFal
let cluster: Cluster
let first: Member
let second: Member
/** Between the client and the first server. */
let proxy: FaultProxy
let client: ReelayClient | undefined

beforeAll(async () => {
  fal = await startFakeFal({ stepMs: 100 })
  cluster = await startCluster({ roles: ['api,worker', 'api,worker'], fal })
  ;[first, second] = cluster.members as [Member, Member]
  proxy = await startFaultProxy({ port: portOf(first) })
}, 90_000)

afterEach(async () => {
  await client?.close()
  proxy.mode = 'pass'
  proxy.target = { host: '127.0.0.1', port: portOf(first) }
})

afterAll(async () => {
  await proxy?.stop()
  await cluster?.stop()
  await fal?.stop()
})

const portOf = ({ url }: Member) => Number(new URL(url).port)
/** A busy server may be silent for some hundred milliseconds: this timeout does not take that for a dead connection. */
const SLOW_TIMEOUT = { keepAliveMs: 10_000 }
/** Detects a dead connection that was never closed. */
const FAST_TIMEOUT = { keepAliveMs: 300 }
const openOverProxy = (options: ClientOptions = SLOW_TIMEOUT) =>
  (client = openClient(proxy.through(first.url), options))

async function generate(url = first.url) {
  const { data } = await request(url, GenerateVideoDocument, { input: { imageUrl: createImageUrl() } })
  if (data.generateVideo.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(data))
  return data.generateVideo.job
}

/** Watches a new job, calls `breakIt` at its third update, and asserts that each update arrives exactly once. */
async function watchThrough(breakIt: (reelay: ReelayClient) => unknown, options = SLOW_TIMEOUT) {
  const reelay = openOverProxy(options)
  const job = await generate()
  const reasons: string[] = []
  const events = reelay.watchJob(job.id, { after: job.cursor, onRetry: (reason) => reasons.push(reason) })
  const watched = await readWatch(events, (count) => (count === 3 ? breakIt(reelay) : undefined))
  expect(watched.gaps).toEqual([])
  expect([1, ...watched.sequences]).toEqual(await readStoredSequences(first.url, job.id))
  expect(watched.statuses.at(-1)).toBe('SUCCEEDED')
  expect(watched.sequences.length).toBeGreaterThan(3)
  return reasons
}

/** Waits until the client reports a matching connection state. */
async function untilState(reelay: ReelayClient, isWanted: (state: ConnectionState) => boolean): Promise<void> {
  const reached = Promise.withResolvers<void>()
  const stop = reelay.onConnection((state) => {
    if (isWanted(state)) reached.resolve()
  })
  await reached.promise
  stop()
}

const online = (reelay: ReelayClient) => untilState(reelay, (state) => state === 'online')
const lost = (reelay: ReelayClient) => untilState(reelay, (state) => state !== 'online')

describe('a job is watched to its end, each update exactly once, in order', () => {
  test('over a stable connection', async () => {
    expect(await watchThrough(() => {})).toEqual([])
    await until(() => proxy.open === 0, { what: 'the socket to be closed after the last watch' })
  })

  test.each(['cut', 'reset', 'blackhole', 'mute'] as const)(
    'over a connection that is in mode %s for a while',
    async (mode) => {
      const reasons = await watchThrough(async (reelay) => {
        proxy.mode = mode
        await lost(reelay)
        proxy.mode = 'pass'
      }, FAST_TIMEOUT)
      expect(reasons).not.toEqual([])
    },
  )

  test('over a connection that is cut repeatedly', async () => {
    const reelay = openOverProxy()
    const job = await generate()
    let breaks = 0
    const watched = await readWatch(reelay.watchJob(job.id, { after: job.cursor }), () => {
      breaks++
      proxy.mode = 'cut'
      proxy.mode = 'pass'
    })
    expect([1, ...watched.sequences]).toEqual(await readStoredSequences(first.url, job.id))
    expect(breaks).toBeGreaterThan(5)
  })

  test('over a server that is restarted with SIGTERM', async () => {
    const restarted = Promise.withResolvers<void>()
    const reasons = await watchThrough(() => {
      // The server stops only after the client's socket is closed, so the watch must not wait for it.
      restarted.resolve(first.end('SIGTERM').then(() => first.start()))
    })
    await restarted.promise
    expect(reasons[0]).toBe('closed with 1012 Service restart')
  }, 60_000)

  test('over a server that is killed and restarted at the same address', async () => {
    const reasons = await watchThrough(async () => {
      await first.end('SIGKILL')
      await first.start()
    })
    expect(reasons[0]).toBe('closed with 1006')
  }, 60_000)

  test('over another instance and back', async () => {
    await watchThrough(async (reelay) => {
      proxy.target = { host: '127.0.0.1', port: portOf(second) }
      proxy.mode = 'cut'
      await lost(reelay)
      proxy.mode = 'pass'
    })
  })

  test('while other jobs are watched over the same socket', async () => {
    const { WebSocketImpl: webSocketImpl, tally } = createCountingWebSocket()
    const reelay = openOverProxy({ ...SLOW_TIMEOUT, webSocketImpl })
    const jobs = await Promise.all(Array.from({ length: 8 }, () => generate()))
    const watches = await Promise.all(jobs.map(({ id, cursor }) => readWatch(reelay.watchJob(id, { after: cursor }))))
    for (const [index, { sequences }] of watches.entries())
      expect([1, ...sequences]).toEqual(await readStoredSequences(first.url, jobs[index]?.id ?? ''))
    expect(tally.sent.filter((type) => type === 'connection_init')).toHaveLength(1)
  })
})

test('a watch survives a server restart during which the job has no updates', async () => {
  const held = Promise.withResolvers<void>()
  fal.twists.submit = async (_request, usual) => {
    await held.promise
    return usual()
  }
  try {
    const job = await generate()
    const reelay = openOverProxy()
    const reasons: string[] = []
    const watching = readWatch(
      reelay.watchJob(job.id, { after: job.cursor, onRetry: (reason) => reasons.push(reason) }),
    )
    await online(reelay)
    const ended = first.end('SIGTERM')
    await until(() => reasons.length > 0, { timeoutMs: 10_000, what: 'the client to notice' })
    held.resolve()
    await ended
    await first.start()
    expect(reasons[0]).toBe('closed with 1012 Service restart')
    const { sequences, statuses } = await watching
    expect([1, ...sequences]).toEqual(await readStoredSequences(first.url, job.id))
    expect(statuses.at(-1)).toBe('SUCCEEDED')
  } finally {
    fal.twists.submit = (_request, usual) => usual()
    held.resolve()
  }
}, 90_000)

test('the feed continues after a disconnect, and reports a gap', async () => {
  const reelay = openOverProxy()
  const leaving = new AbortController()
  const events: string[] = []
  const reading = (async () => {
    for await (const event of reelay.watchFeed({ signal: leaving.signal }))
      events.push(event.kind === 'gap' ? 'gap' : event.update.job.id)
  })()
  await online(reelay)
  await until(async () => events.includes((await generate()).id) || events.length > 0, {
    timeoutMs: 10_000,
    everyMs: 200,
  })
  expect(events).not.toContain('gap')

  proxy.mode = 'cut'
  await lost(reelay)
  proxy.mode = 'pass'
  await until(() => events.includes('gap'), { timeoutMs: 10_000, what: 'the gap' })
  const { id } = await generate()
  await until(() => events.slice(events.indexOf('gap')).includes(id), { timeoutMs: 10_000, what: 'the new job' })
  expect(events.filter((one) => one === 'gap')).toEqual(['gap'])
  leaving.abort()
  await reading
})

test('a connection attempt times out, and the next one succeeds', async () => {
  const reelay = openOverProxy()
  const { id } = await generate()
  proxy.mode = 'blackhole'
  const reasons: string[] = []
  const watching = readWatch(reelay.watchJob(id, { onRetry: (reason) => reasons.push(reason) }))
  await until(() => reasons.length > 0, { timeoutMs: 20_000, what: 'the client to give up' })
  expect(reasons).toEqual(['closed with 4499 Terminated'])
  proxy.mode = 'pass'
  expect((await watching).statuses.at(-1)).toBe('SUCCEEDED')
}, 60_000)

test('the connection state is reported at once, while connecting, when online and when lost', async () => {
  const reelay = openOverProxy()
  const states: string[] = []
  const stop = reelay.onConnection((state) => states.push(state))
  expect(states).toEqual(['offline'])
  const leaving = new AbortController()
  const reading = readWatch(reelay.watchJob((await generate()).id, { signal: leaving.signal }))
  await until(() => states.includes('online'))
  expect(states).toEqual(['offline', 'connecting', 'online'])
  proxy.mode = 'cut'
  await until(() => states.at(-1) === 'offline', { everyMs: 1 })
  proxy.mode = 'pass'
  await until(() => states.at(-1) === 'online', { timeoutMs: 10_000 })
  expect(states.slice(0, 5)).toEqual(['offline', 'connecting', 'online', 'offline', 'connecting'])
  stop()
  const { length } = states
  leaving.abort()
  await reading
  await until(() => proxy.open === 0, { what: 'the socket to be closed' })
  expect(states).toHaveLength(length)
})
