import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import {
  createReelayClient,
  type JobEvent,
  type ReelayClient,
  ReelayRequestError,
  WatchError,
} from '../../client/core/reelay-client.ts'
import { GetJobDocument, TypedDocumentString, UploadImageDocument } from '../../operations/generated/graphql.ts'
import { toCursor } from '../../src/updates/cursor.ts'
import { IMAGE_DATA_URI, openRig, type Rig } from '../api/rig.ts'
import { findRefusedUrl } from '../helpers/recording-server.ts'
import { until } from '../helpers/until.ts'
import { daysAgo, insertJobs, openStore, type Store, uuidOf } from '../jobs/maintenance-rig.ts'
import { createCountingWebSocket, openClient, readWatch } from './rig.ts'

let rig: Rig
let store: Store
let client: ReelayClient

beforeAll(async () => {
  rig = await openRig({ fal: {} })
  store = await openStore(rig)
})
afterEach(() => client?.close())
afterAll(async () => {
  await store?.close()
  await rig?.close()
})

const toNodeId = (id: string) => Buffer.from(`Job:${id}`).toString('base64url')

/** Inserts a running job that no worker claims, with this many updates. */
async function insertJob(updates: number): Promise<{ uuid: string; id: string; cursorOf(sequence: number): string }> {
  const [uuid = ''] = await insertJobs(store, 1, { status: 'RUNNING', createdAt: new Date(), updates })
  await store.db.job.update({ where: { id: uuid }, data: { ownerId: 'local' } })
  return { uuid, id: toNodeId(uuid), cursorOf: (sequence) => toCursor(uuid, sequence) }
}

/** Ends a job with the update of this sequence. */
async function endJob(uuid: string, sequence: number): Promise<void> {
  await store.db.jobUpdate.create({ data: { jobId: uuid, sequence, status: 'CANCELED' } })
  const data = { status: 'CANCELED', lastSequence: sequence, finishedAt: new Date() } as const
  await store.db.job.update({ where: { id: uuid }, data })
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

test('a connection that dies between a ping and its pong is closed, even after a message in between', async () => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => 'graphql-transport-ws' })
  await once(server, 'listening')
  let subscribed = ''
  const data = { jobProgress: { sequence: 2, cursor: 'c', status: 'RUNNING', missed: 0 } }
  server.on('connection', (socket) =>
    socket.on('message', (text) => {
      const { id, type } = JSON.parse(String(text))
      if (type === 'connection_init') socket.send('{"type":"connection_ack"}')
      if (type === 'subscribe') subscribed = id
      // A message that was in flight when the connection died, and no pong.
      if (type === 'ping') socket.send(JSON.stringify({ id: subscribed, type: 'next', payload: { data } }))
    }),
  )
  const { port } = server.address() as AddressInfo
  client = createReelayClient({ url: `http://127.0.0.1:${port}/graphql`, keepAliveMs: 100 })
  const reasons: string[] = []
  const watching = readWatch(client.watchJob('x', { onRetry: (reason) => reasons.push(reason) })).catch(() => {})
  await until(() => reasons.length > 0, { timeoutMs: 10_000, what: 'the connection to be closed' })
  await client.close()
  await watching
  server.close()
  for (const socket of server.clients) socket.terminate()
})

describe('a watch', () => {
  test('of an unknown job fails with JOB_NOT_FOUND', async () => {
    client = openClient(rig.url)
    const failure = await readWatch(client.watchJob('nothing')).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(WatchError)
    expect(failure).toMatchObject({ code: 'JOB_NOT_FOUND' })
  })

  test('leaves no socket behind, however it ends', async () => {
    client = openClient(rig.url, { keepAliveMs: 10_000 })
    const states: string[] = []
    client.onConnection((state) => states.push(state))
    const job = await insertJob(3)
    await endJob(job.uuid, 4)
    for (let round = 1; round <= 5; round++) {
      await expect(readWatch(client.watchJob('nothing'))).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' })
      await until(() => states.at(-1) === 'offline', { what: 'the socket of the unknown job to be closed' })
      await readWatch(client.watchJob(job.id))
      await until(() => states.at(-1) === 'offline', { what: 'the socket of the job that had ended to be closed' })
      expect(states.filter((state) => state === 'online')).toHaveLength(2 * round)
    }
  })

  test('from an invalid cursor, or one of another job, fails with BAD_USER_INPUT', async () => {
    client = openClient(rig.url)
    const [job, other] = [await insertJob(1), await insertJob(1)]
    for (const after of ['nonsense', other.cursorOf(1)])
      await expect(readWatch(client.watchJob(job.id, { after }))).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
  })

  test('from the cursor of the last update ends at once, without an error', async () => {
    client = openClient(rig.url)
    const { id } = await rig.generate()
    const { sequences } = await readWatch(client.watchJob(id))
    const { cursor } = await rig.readJob(id)
    expect(await readWatch(client.watchJob(id, { after: cursor }))).toEqual({ sequences: [], gaps: [], statuses: [] })
    expect(await readWatch(client.watchJob(id))).toEqual({
      sequences: [sequences.at(-1)],
      gaps: [],
      statuses: ['SUCCEEDED'],
    })
  })

  test('with a custom document yields its selection', async () => {
    client = openClient(rig.url)
    const job = await insertJob(3)
    await endJob(job.uuid, 4)
    const document = new TypedDocumentString<
      { jobProgress: { cursor: string; status: 'RUNNING' } },
      { id: string; after?: string | null }
    >('subscription ($id: ID!, $after: String) { jobProgress(id: $id, after: $after) { cursor status } }')
    const cursors: string[] = []
    for await (const event of client.watchJob(job.id, { document, after: job.cursorOf(1) }))
      if (event.kind === 'update') cursors.push(event.update.cursor)
    expect(cursors).toEqual([2, 3, 4].map(job.cursorOf))
  })

  test('reports how many updates were removed before the remaining one', async () => {
    client = openClient(rig.url)
    const { id, cursor } = await rig.generate()
    const { sequences } = await readWatch(client.watchJob(id, { after: cursor }))
    await store.db.job.update({ where: { id: uuidOf(id) }, data: { finishedAt: daysAgo(40) } })
    await store.runMaintenance()
    const events: JobEvent[] = []
    for await (const event of client.watchJob(id, { after: cursor })) events.push(event)
    expect(events).toMatchObject([
      { kind: 'gap', missed: sequences.length - 1 },
      { kind: 'update', update: { sequence: sequences.at(-1), status: 'SUCCEEDED' } },
    ])
  })

  test('starts from the current state when the update log is older than its cursor', async () => {
    const job = await insertJob(10)
    const { WebSocketImpl, close } = createClosableWebSocket()
    client = openClient(rig.url, { webSocketImpl: WebSocketImpl })
    const events: string[] = []
    const reading = (async () => {
      for await (const event of client.watchJob(job.id, { after: job.cursorOf(7) }))
        events.push(event.kind === 'gap' ? `gap ${event.missed}` : `update ${event.update.sequence}`)
    })()
    await until(() => events.length === 3)
    // As after a restored backup.
    await store.db.jobUpdate.deleteMany({ where: { jobId: job.uuid, sequence: { gt: 5 } } })
    await store.db.job.update({ where: { id: job.uuid }, data: { lastSequence: 5 } })
    close()
    await until(() => events.length >= 5, { timeoutMs: 10_000, what: 'the watch to start again' })
    await endJob(job.uuid, 6)
    await reading
    expect(events).toEqual(['update 8', 'update 9', 'update 10', 'gap 0', 'update 5', 'update 6'])
  }, 30_000)
})

describe('a stalled subscriber', () => {
  test('stops its subscription at a thousand updates, and misses none when it resumes', async () => {
    const job = await insertJob(1800)
    await endJob(job.uuid, 1801)
    const { WebSocketImpl, tally } = createCountingWebSocket()
    client = openClient(rig.url, { webSocketImpl: WebSocketImpl })
    const subscriptions: number[] = []
    const { sequences } = await readWatch(client.watchJob(job.id, { after: job.cursorOf(1) }), async (count) => {
      if (count > 1) return
      await until(() => tally.sent.includes('complete'), { timeoutMs: 20_000, what: 'the client to stop it' })
      subscriptions.push(tally.sent.filter((type) => type === 'subscribe').length)
    })
    expect(subscriptions).toEqual([1])
    expect(sequences).toEqual(numbers(2, 1801))
    expect(tally.sent.filter((type) => type === 'subscribe').length).toBeGreaterThan(1)
  }, 60_000)
})

describe('a watch that is ended', () => {
  test('by its signal ends at once, with its subscription', async () => {
    const job = await insertJob(1)
    const { WebSocketImpl, tally } = createCountingWebSocket()
    client = openClient(rig.url, { webSocketImpl: WebSocketImpl })
    const leaving = new AbortController()
    const staying = new AbortController()
    const other = readWatch(client.watchJob(job.id, { signal: staying.signal }))
    const reading = readWatch(client.watchJob(job.id, { signal: leaving.signal }))
    await until(() => tally.received.filter((type) => type === 'next').length === 2)
    leaving.abort()
    expect(await reading).toMatchObject({ sequences: [1] })
    expect(tally.sent.filter((type) => type === 'complete')).toHaveLength(1)
    staying.abort()
    expect(await other).toMatchObject({ sequences: [1] })
  })

  test('by a break, or by `return` while it waits, closes the socket', async () => {
    const job = await insertJob(1)
    client = openClient(rig.url)
    const states: string[] = []
    client.onConnection((state) => states.push(state))
    for await (const event of client.watchJob(job.id)) if (event.kind === 'update') break
    await until(() => states.at(-1) === 'offline')
    const events = client.watchJob(job.id)[Symbol.asyncIterator]()
    await events.next()
    const waiting = events.next()
    await events.return?.()
    expect(await waiting).toEqual({ done: true, value: undefined })
    await until(() => states.at(-1) === 'offline')
    expect(states.filter((state) => state === 'online')).toHaveLength(2)
  })

  test('before its start opens no socket', async () => {
    client = openClient(rig.url)
    const states: string[] = []
    client.onConnection((state) => states.push(state))
    const watch = client.watchJob((await insertJob(1)).id, { signal: AbortSignal.abort() })
    expect(await readWatch(watch)).toMatchObject({ sequences: [] })
    expect(states).toEqual(['offline'])
  })

  test('by `close` ends, even during its back-off', async () => {
    const job = await insertJob(1)
    client = openClient(rig.url)
    const lost = createReelayClient({ url: `${await findRefusedUrl()}/graphql`, random: () => 1 })
    const reasons: string[] = []
    const reading = readWatch(client.watchJob(job.id), () => client.close())
    const waiting = readWatch(lost.watchJob(job.id, { onRetry: (reason) => reasons.push(reason) }))
    await until(() => reasons.length > 0)
    await lost.close()
    expect(await Promise.all([reading, waiting])).toMatchObject([{ sequences: [1] }, { sequences: [] }])
    expect(await readWatch(client.watchJob(job.id))).toMatchObject({ sequences: [] })
  })
})

describe('a request', () => {
  test('returns its data', async () => {
    client = openClient(rig.url)
    const job = await insertJob(1)
    expect(await client.request(GetJobDocument, { id: job.id })).toMatchObject({ job: { id: job.id } })
  })

  test('uploads an image as a file', async () => {
    client = openClient(rig.url)
    const bytes = Buffer.from(IMAGE_DATA_URI.split(',')[1] ?? '', 'base64')
    const { uploadImage } = await client.request(UploadImageDocument, {
      file: new Blob([bytes], { type: 'image/png' }),
    })
    expect(uploadImage).toMatchObject({ __typename: 'UploadImageSuccess', contentType: 'image/png' })
  })

  test('that the server rejects fails with its errors', async () => {
    client = openClient(rig.url)
    const document = new TypedDocumentString<unknown, Record<string, never>>('{ nothing }')
    const failure = await client.request(document, {}).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(ReelayRequestError)
    expect(failure).toMatchObject({ status: 400, code: 'GRAPHQL_VALIDATION_FAILED', retryAfterSeconds: null })
  })

  test('that a load balancer answers has its Retry-After', async () => {
    const front = createServer((_request, response) => {
      response.writeHead(503, { 'retry-after': '7' }).end('no healthy upstream')
    }).listen(0, '127.0.0.1')
    await once(front, 'listening')
    client = openClient(`http://127.0.0.1:${(front.address() as AddressInfo).port}`)
    const failure = await client.request(GetJobDocument, { id: 'x' }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ status: 503, errors: [], code: null, retryAfterSeconds: 7 })
    front.close()
    front.closeAllConnections()
    await once(front, 'close')
  })

  test('without a connection has the status 0, and an aborted one the reason of its signal', async () => {
    client = openClient(await findRefusedUrl())
    await expect(client.request(GetJobDocument, { id: 'x' })).rejects.toMatchObject({ status: 0, errors: [] })
    const reason = new Error('left the page')
    const request = client.request(GetJobDocument, { id: 'x' }, { signal: AbortSignal.abort(reason) })
    await expect(request).rejects.toBe(reason)
  })
})

/** The platform's WebSocket; `close` closes the newest one. */
function createClosableWebSocket(): { WebSocketImpl: typeof WebSocket; close(): void } {
  const sockets: WebSocket[] = []
  class ClosableWebSocket extends WebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols)
      sockets.push(this)
    }
  }
  return { WebSocketImpl: ClosableWebSocket as typeof WebSocket, close: () => sockets.at(-1)?.close(1000) }
}
