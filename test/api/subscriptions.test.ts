import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request as openRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CancelJobDocument, WatchFeedDocument, WatchJobDocument } from '../../operations/generated/graphql.ts'
import { openDatabase } from '../../src/adapters/postgres/client.ts'
import { decodeNodeId } from '../../src/resolvers/ids.ts'
import { request, subscribe, subscribeOverSse } from '../helpers/graphql-client.ts'
import { until } from '../helpers/until.ts'
import { openGraphQLSocket } from './raw-socket.ts'
import { IMAGE_DATA_URI, openRig, type Rig } from './rig.ts'

const CLIENTS = 20
/** So many connections to the database may have been opened on the way. */
const DATABASE_POOL = 10

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable' })
})

afterAll(async () => {
  await rig.close()
})

/** A job that stays PENDING until it is canceled. */
const generate = (to = rig) => to.generate({ imageUrl: IMAGE_DATA_URI })
const cancel = (id: string) => request(rig.url, CancelJobDocument, { id })

/** A subscription over server-sent events on a connection of its own, which can be cut and left unread. */
async function openEvents(url: string, query: string, variables = {}): Promise<[ClientRequest, IncomingMessage]> {
  const call = openRequest(`${url}/graphql`, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
  })
  call.on('error', () => {}) // cut on purpose
  call.end(JSON.stringify({ query, variables }))
  const [answer] = (await once(call, 'response')) as [IncomingMessage]
  answer.on('error', () => {})
  return [call, answer]
}

/** Both ends of every connection that this process has. */
const countSockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length

describe(`${CLIENTS} clients over WebSocket and ${CLIENTS} over server-sent events`, () => {
  test('that cut their connections leave none open on the server', async () => {
    const { id } = await generate()
    const before = countSockets()
    const sockets = await Promise.all(Array.from({ length: CLIENTS }, () => openGraphQLSocket(rig.url)))
    for (const [index, socket] of sockets.entries())
      socket.send({
        type: 'subscribe',
        id: '1',
        payload:
          index % 2 ? { query: String(WatchFeedDocument) } : { query: String(WatchJobDocument), variables: { id } },
      })
    const streams = await Promise.all(
      Array.from({ length: CLIENTS }, (_, index) =>
        index % 2
          ? openEvents(rig.url, String(WatchFeedDocument))
          : openEvents(rig.url, String(WatchJobDocument), { id }),
      ),
    )
    expect(countSockets()).toBeGreaterThanOrEqual(before + 4 * CLIENTS)

    for (const socket of sockets) socket.cut()
    for (const [call] of streams) call.destroy()

    await until(() => countSockets() <= before + DATABASE_POOL, { what: `all but ${before} connections to end` })
    // Those who come afterwards are served.
    await cancel(id)
    expect((await rig.watch(id)).map(({ status }) => status)).toEqual(['CANCELED'])
  })

  test('do not keep a server that stops', async () => {
    const stopping = await openRig({ fal: 'unavailable' })
    try {
      const { id } = await generate(stopping)
      const sockets = await Promise.all(Array.from({ length: CLIENTS }, () => openGraphQLSocket(stopping.url)))
      for (const socket of sockets)
        socket.send({ type: 'subscribe', id: '1', payload: { query: String(WatchFeedDocument) } })
      const streams = await Promise.all(
        Array.from({ length: CLIENTS }, () => openEvents(stopping.url, String(WatchJobDocument), { id })),
      )
      const started = performance.now()
      await stopping.stopApp()
      expect(performance.now() - started).toBeLessThan(5000)
      await Promise.all(sockets.map((socket) => socket.closed()))
      for (const [, answer] of streams) await until(() => answer.resume().destroyed, { what: 'the stream to end' })
    } finally {
      await stopping.close()
    }
  })
})

test('a stalled subscriber delays no other, and gets the rest when it reads again', async () => {
  const UPDATES = 1500
  const { id } = await generate()
  const { id: jobId } = decodeNodeId(id)
  const message = 'x'.repeat(10_000)
  const db = openDatabase({ url: rig.databaseUrl, onError: () => {} })
  // 15 MB of log: more than the buffers between the server and a client hold.
  const rows = Array.from({ length: UPDATES }, (_, index) => ({
    ...{ jobId, sequence: index + 2, status: 'PENDING' as const },
    logs: [{ at: null, level: 'INFO', message }],
  }))
  for (let start = 0; start < UPDATES; start += 300)
    await db.jobUpdate.createMany({ data: rows.slice(start, start + 300) })
  await db.job.update({ where: { id: jobId }, data: { lastSequence: UPDATES + 1 } })
  await db.$disconnect()

  const after = Buffer.from(`${jobId}:1`).toString('base64url')
  const query =
    'subscription Read($id: ID!, $after: String) { jobProgress(id: $id, after: $after) { sequence status logs { message } } }'
  const [call, paused] = await openEvents(rig.url, query, { id, after })
  paused.pause()

  const sequences: number[] = []
  const reading = (async () => {
    for await (const { data } of subscribe(rig.url, query, { id, after }))
      sequences.push((data as { jobProgress: { sequence: number } }).jobProgress.sequence)
  })()
  await until(() => sequences.length === UPDATES, { timeoutMs: 20_000, what: 'the log to be read' })
  await cancel(id)
  await reading
  expect(sequences).toEqual(Array.from({ length: UPDATES + 1 }, (_, index) => index + 2))

  let text = ''
  for await (const chunk of paused.setEncoding('utf8').resume()) text += chunk
  call.destroy()
  const received = [...text.matchAll(/"sequence":(\d+)/g)].map(([, sequence]) => Number(sequence))
  expect(received).toEqual(sequences)
  expect(text).toContain('event: complete')
})

test.each([
  ['WebSocket', subscribe],
  ['server-sent events', subscribeOverSse],
])('the feed over %s continues while its jobs come and go, and ends with its subscriber', async (_over, over) => {
  const feed = over(rig.url, WatchFeedDocument)
  const seen: string[] = []
  const reading = (async () => {
    for await (const { data } of feed) if (data) seen.push(`${data.jobFeed.job.id} ${data.jobFeed.status}`)
  })()
  // The subscription is live once a job made after it shows up.
  const made: string[] = []
  const job = await until(
    async () => {
      made.push((await generate()).id)
      return made.find((id) => seen.some((line) => line.startsWith(id)))
    },
    { everyMs: 50, what: 'the first update of the feed' },
  )
  await cancel(job)
  await until(() => seen.includes(`${job} CANCELED`), { what: 'the end of the job' })
  await feed.return(undefined)
  await reading
})

describe('a subscription with `Prefer: wait`', () => {
  const poll = async (variables: Record<string, unknown>, headers: Record<string, string> = {}) => {
    const response = await fetch(`${rig.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', prefer: 'wait=1', ...headers },
      body: JSON.stringify({ query: String(WatchJobDocument), variables }),
    })
    return { status: response.status, text: await response.text() }
  }

  test('is answered with the updates after the cursor so far, and with the end', async () => {
    const { id, cursor } = await generate()
    // On a busy machine a second can be over before the log was read.
    const first = await until(async () => {
      const answer = await poll({ id })
      return answer.text === '[]' ? null : answer
    })
    expect(JSON.parse(first.text)).toMatchObject([{ data: { jobProgress: { sequence: 1, status: 'PENDING' } } }])
    expect(JSON.parse((await poll({ id, after: cursor })).text)).toEqual([])
    await cancel(id)
    const last = JSON.parse((await poll({ id, after: cursor }, { prefer: 'respond-async, wait=20' })).text)
    expect(last).toMatchObject([{ data: { jobProgress: { sequence: 2, status: 'CANCELED' } } }, { hasNext: false }])
    const ended = { id, after: last[0].data.jobProgress.cursor }
    expect(JSON.parse((await poll(ended)).text)).toEqual([{ hasNext: false }])
  })

  test('is refused as any other is, and without the header as before', async () => {
    const unknown = await poll({ id: 'nothing' })
    expect(JSON.parse(unknown.text)).toMatchObject({ errors: [{ extensions: { code: 'JOB_NOT_FOUND' } }] })
    const { id } = await generate()
    expect(await poll({ id }, { prefer: '' })).toMatchObject({ status: 406 })
    await cancel(id)
  })
})
