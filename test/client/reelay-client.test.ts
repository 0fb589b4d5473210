import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionState, ReelayClient } from '../../client/core/reelay-client.ts'
import { GenerateVideoDocument } from '../../operations/generated/graphql.ts'
import { createPictureUrl } from '../faults/client.ts'
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
/** Stands between the client and the first server. */
let line: FaultProxy
let client: ReelayClient | undefined

beforeAll(async () => {
  fal = await startFakeFal({ stepMs: 100 })
  cluster = await startCluster({ roles: ['api,worker', 'api,worker'], fal })
  ;[first, second] = cluster.members as [Member, Member]
  line = await startFaultProxy({ port: portOf(first) })
}, 90_000)

afterEach(async () => {
  await client?.close()
  line.mode = 'pass'
  line.target = { host: '127.0.0.1', port: portOf(first) }
})

afterAll(async () => {
  await line?.stop()
  await cluster?.stop()
  await fal?.stop()
})

const portOf = ({ url }: Member) => Number(new URL(url).port)
/** A busy server is silent for some hundred milliseconds too: who is told anything by silence has to wait longer. */
const PATIENT = { keepAliveMs: 10_000 }
/** Soon finds out that a line is dead which nobody closed. */
const IMPATIENT = { keepAliveMs: 300 }
const openOverLine = (options: ClientOptions = PATIENT) => (client = openClient(line.through(first.url), options))

async function generate(url = first.url) {
  const { data } = await request(url, GenerateVideoDocument, { input: { imageUrl: createPictureUrl() } })
  if (data.generateVideo.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(data))
  return data.generateVideo.job
}

/** Watches a new job, brings something about at its third update, and proves that nothing is missing and nothing came twice. */
async function watchThrough(breakIt: (reelay: ReelayClient) => unknown, options = PATIENT) {
  const reelay = openOverLine(options)
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

/** Waits until the client says that its socket is in such a state. */
async function turned(reelay: ReelayClient, isWanted: (state: ConnectionState) => boolean): Promise<void> {
  const reached = Promise.withResolvers<void>()
  const stop = reelay.onConnection((state) => {
    if (isWanted(state)) reached.resolve()
  })
  await reached.promise
  stop()
}

const online = (reelay: ReelayClient) => turned(reelay, (state) => state === 'online')
const lost = (reelay: ReelayClient) => turned(reelay, (state) => state !== 'online')

describe('a job is watched in order, each update once, to its end', () => {
  test('over a line that holds', async () => {
    expect(await watchThrough(() => {})).toEqual([])
    await until(() => line.open === 0, { what: 'the socket to be closed when nobody watches any more' })
  })

  test.each(['cut', 'reset', 'blackhole', 'mute'] as const)('over a line in mode %s for a while', async (mode) => {
    const reasons = await watchThrough(async (reelay) => {
      line.mode = mode
      await lost(reelay)
      line.mode = 'pass'
    }, IMPATIENT)
    expect(reasons).not.toEqual([])
  })

  test('over a line that is cut again and again', async () => {
    const reelay = openOverLine()
    const job = await generate()
    let breaks = 0
    const watched = await readWatch(reelay.watchJob(job.id, { after: job.cursor }), () => {
      breaks++
      line.mode = 'cut'
      line.mode = 'pass'
    })
    expect([1, ...watched.sequences]).toEqual(await readStoredSequences(first.url, job.id))
    expect(breaks).toBeGreaterThan(5)
  })

  test('over a server that is stopped by SIGTERM and started again', async () => {
    const restarted = Promise.withResolvers<void>()
    const reasons = await watchThrough(() => {
      // Stopping takes as long as the client's socket is closed: nobody waits for it in here.
      restarted.resolve(first.end('SIGTERM').then(() => first.start()))
    })
    await restarted.promise
    expect(reasons[0]).toBe('closed with 1012 Service restart')
  }, 60_000)

  test('over a server that is killed and started again at the same address', async () => {
    const reasons = await watchThrough(async () => {
      await first.end('SIGKILL')
      await first.start()
    })
    expect(reasons[0]).toBe('closed with 1006')
  }, 60_000)

  test('over another instance than the one where it began, and back', async () => {
    await watchThrough(async (reelay) => {
      line.target = { host: '127.0.0.1', port: portOf(second) }
      line.mode = 'cut'
      await lost(reelay)
      line.mode = 'pass'
    })
  })

  test('while many others are watched over the same socket', async () => {
    const { WebSocketImpl: webSocketImpl, tally } = createCountingWebSocket()
    const reelay = openOverLine({ ...PATIENT, webSocketImpl })
    const jobs = await Promise.all(Array.from({ length: 8 }, () => generate()))
    const watches = await Promise.all(jobs.map(({ id, cursor }) => readWatch(reelay.watchJob(id, { after: cursor }))))
    for (const [index, { sequences }] of watches.entries())
      expect([1, ...sequences]).toEqual(await readStoredSequences(first.url, jobs[index]?.id ?? ''))
    expect(tally.sent.filter((type) => type === 'connection_init')).toHaveLength(1)
  })
})

test('a job that says nothing while its server restarts is watched on', async () => {
  const held = Promise.withResolvers<void>()
  fal.twists.submit = async (_request, usual) => {
    await held.promise
    return usual()
  }
  try {
    const job = await generate()
    const reelay = openOverLine()
    const reasons: string[] = []
    const watching = readWatch(
      reelay.watchJob(job.id, { after: job.cursor, onRetry: (reason) => reasons.push(reason) }),
    )
    await online(reelay)
    const ended = first.end('SIGTERM')
    await until(() => reasons.length > 0, { timeoutMs: 10_000, what: 'the client to be told' })
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

test('the feed goes on after a break, and tells that something may have been missed', async () => {
  const reelay = openOverLine()
  const leaving = new AbortController()
  const told: string[] = []
  const reading = (async () => {
    for await (const event of reelay.watchFeed({ signal: leaving.signal }))
      told.push(event.kind === 'gap' ? 'gap' : event.update.job.id)
  })()
  await online(reelay)
  await until(async () => told.includes((await generate()).id) || told.length > 0, { timeoutMs: 10_000, everyMs: 200 })
  expect(told).not.toContain('gap')

  line.mode = 'cut'
  await lost(reelay)
  line.mode = 'pass'
  await until(() => told.includes('gap'), { timeoutMs: 10_000, what: 'the gap' })
  const { id } = await generate()
  await until(() => told.slice(told.indexOf('gap')).includes(id), { timeoutMs: 10_000, what: 'the new job' })
  expect(told.filter((one) => one === 'gap')).toEqual(['gap'])
  leaving.abort()
  await reading
})

test('a connection that does not come about is given up, and made anew', async () => {
  const reelay = openOverLine()
  const { id } = await generate()
  line.mode = 'blackhole'
  const reasons: string[] = []
  const watching = readWatch(reelay.watchJob(id, { onRetry: (reason) => reasons.push(reason) }))
  await until(() => reasons.length > 0, { timeoutMs: 20_000, what: 'the client to give up' })
  expect(reasons).toEqual(['closed with 4499 Terminated'])
  line.mode = 'pass'
  expect((await watching).statuses.at(-1)).toBe('SUCCEEDED')
}, 60_000)

test('the state of the socket is told: at once, while it is made, when it stands and when it is lost', async () => {
  const reelay = openOverLine()
  const states: string[] = []
  const stop = reelay.onConnection((state) => states.push(state))
  expect(states).toEqual(['offline'])
  const leaving = new AbortController()
  const reading = readWatch(reelay.watchJob((await generate()).id, { signal: leaving.signal }))
  await until(() => states.includes('online'))
  expect(states).toEqual(['offline', 'connecting', 'online'])
  line.mode = 'cut'
  await until(() => states.at(-1) === 'offline', { everyMs: 1 })
  line.mode = 'pass'
  await until(() => states.at(-1) === 'online', { timeoutMs: 10_000 })
  expect(states.slice(0, 5)).toEqual(['offline', 'connecting', 'online', 'offline', 'connecting'])
  stop()
  const { length } = states
  leaving.abort()
  await reading
  await until(() => line.open === 0, { what: 'the socket to be closed' })
  expect(states).toHaveLength(length)
})
