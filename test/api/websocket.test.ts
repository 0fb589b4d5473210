import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CancelJobDocument, WatchFeedDocument, WatchJobDocument } from '../../operations/generated/graphql.ts'
import { request } from '../helpers/graphql-client.ts'
import { createSeeded } from '../helpers/seeded.ts'
import { until } from '../helpers/until.ts'
import { createSocketOpener, operation, PROTOCOL, type RawSocket, typename } from './raw-socket.ts'
import { IMAGE_DATA_URI, openRig, type Rig } from './rig.ts'

let rig: Rig
const { open, openReady, cutAll } = createSocketOpener(() => rig.url)

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable' })
})

afterEach(cutAll)

afterAll(async () => {
  await rig.close()
})

const watch = (id: string, job: string) => operation(id, WatchJobDocument.toString(), { id: job })
const feed = (id: string) => operation(id, WatchFeedDocument.toString())
const answered = { type: 'next', payload: { data: { __typename: 'Query' } } }

/** Proves that the socket still serves: a query on it is answered. */
async function expectAlive(socket: RawSocket, name = 'alive') {
  socket.send(typename(name))
  await socket.received(({ id, type }) => id === name && type === 'complete')
  expect(socket.of(name)).toMatchObject([answered, { type: 'complete' }])
}

async function untilNothingIsWatched() {
  await until(async () => /^reelay_subscriptions\S* 0$/m.test(await (await fetch(`${rig.url}/metrics`)).text()), {
    timeoutMs: 20_000,
    what: 'all to end',
  })
}

describe('a socket stays open', () => {
  test.each([
    ['a syntax error', '{'],
    ['no document at all', ''],
    ['an unknown field', '{ nothing }'],
    ['a document nested 50,000 deep', '{a'.repeat(5e4)],
    ['a subscription that the schema does not have', 'subscription { nothing }'],
    ['two root fields in a subscription', 'subscription { a: jobFeed { at } b: jobFeed { at } }'],
  ])('by %s, which is an `error` for its id alone', async (_name, query) => {
    const socket = await openReady()
    socket.send(operation('1', query))
    const error = await socket.received(({ id }) => id === '1')
    expect(error).toMatchObject({ type: 'error', payload: [{ message: expect.any(String) }] })
    expect(JSON.stringify(error)).not.toContain('INTERNAL_SERVER_ERROR')
    await expectAlive(socket)
  })

  test('by variables of a wrong type, which are reported', async () => {
    const socket = await openReady()
    socket.send(operation('1', WatchJobDocument.toString(), { id: null }))
    const message = await socket.received(({ id }) => id === '1')
    expect(JSON.stringify(message)).toContain('\\"$id\\"')
    expect(JSON.stringify(message)).not.toContain('INTERNAL_SERVER_ERROR')
    await expectAlive(socket)
  })

  test('and answers a query and a mutation with one `next` and one `complete`', async () => {
    const socket = await openReady()
    socket.send(typename('query'))
    socket.send(operation('mutation', CancelJobDocument.toString(), { id: 'nonsense' }))
    for (const operationId of ['query', 'mutation'])
      await socket.received(({ id, type }) => id === operationId && type === 'complete')
    expect(socket.of('query')).toMatchObject([answered, { type: 'complete' }])
    expect(socket.of('mutation')).toMatchObject([
      { type: 'next', payload: { data: { cancelJob: { code: 'JOB_NOT_FOUND' } } } },
      { type: 'complete' },
    ])
  })

  test.each(['__proto__', 'toString', 'constructor', '🚀'])('and serves the id %s like any other', async (name) => {
    const socket = await openReady()
    socket.send(typename(name))
    await socket.received(({ id, type }) => id === name && type === 'complete')
    expect(socket.of(name)).toMatchObject([answered, { type: 'complete' }])
  })

  test('by a ping, which is answered with a pong of the same payload', async () => {
    const socket = await open(PROTOCOL)
    socket.send({ type: 'ping', payload: { beat: 7 } })
    expect(await socket.received(({ type }) => type === 'pong')).toEqual({ type: 'pong', payload: { beat: 7 } })
  })

  test('by a complete for an unknown id, and one that comes before the result', async () => {
    const socket = await openReady()
    socket.send({ type: 'complete', id: 'unknown' })
    socket.send(feed('early'))
    socket.send({ type: 'complete', id: 'early' })
    await rig.generate()
    await expectAlive(socket)
    expect([...socket.of('unknown'), ...socket.of('early')]).toEqual([])
  })
})

test('a socket serves 100 subscriptions, refuses the next one alone, and serves it once another is completed', async () => {
  const socket = await openReady()
  for (let number = 1; number <= 101; number++) socket.send(feed(`${number}`))
  expect(await socket.received(({ id }) => id === '101')).toMatchObject({
    type: 'error',
    payload: [{ extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' } }],
  })
  socket.send({ type: 'complete', id: '7' })
  socket.send(feed('102'))
  const job = await rig.generate()
  await socket.received(({ id, type }) => id === '102' && type === 'next')
  expect([...socket.of('7'), ...socket.of('101').slice(1)]).toEqual([])
  expect(socket.of('100')).toMatchObject([{ payload: { data: { jobFeed: { job: { id: job.id } } } } }])
})

test('operations that are completed at once leave nothing running', async () => {
  const socket = await openReady()
  for (let number = 1; number <= 500; number++) {
    socket.send(feed(`${number}`))
    socket.send({ type: 'complete', id: `${number}` })
  }
  await untilNothingIsWatched()
  await expectAlive(socket)
})

/** The jobs whose updates came under an id. */
function toldOf(socket: RawSocket, id: string): string[] {
  const jobIds = socket.of(id).map(({ payload }) => {
    return (payload as { data?: { jobProgress?: { job: { id: string } } } } | undefined)?.data?.jobProgress?.job.id
  })
  return [...new Set(jobIds.filter((jobId) => jobId !== undefined))]
}

test('an id that is completed and used again in one burst brings the updates of the second operation alone', async () => {
  const [first, second] = await Promise.all([1, 2].map(() => rig.generate({ imageUrl: IMAGE_DATA_URI })))
  const socket = await openReady()
  for (let round = 1; round <= 20; round++) {
    socket.send(watch('1', first?.id ?? ''))
    socket.send({ type: 'complete', id: '1' })
  }
  socket.send(watch('1', second?.id ?? ''))
  await socket.received(({ id, type }) => id === '1' && type === 'next')
  for (const job of [first, second]) await request(rig.url, CancelJobDocument, { id: job?.id ?? '' })
  await socket.received(({ id, type }) => id === '1' && type === 'complete')
  await expectAlive(socket)
  expect(toldOf(socket, '1')).toEqual([second?.id])
  expect(socket.of('1').map(({ type }) => type)).toEqual(['next', 'next', 'complete'])
})

const SEED = Date.now() % 1e6

test(`10,000 random bursts of subscribe, complete, subscribe and close leave nothing running (seed ${SEED})`, async () => {
  const random = createSeeded(SEED)
  const job = await rig.generate({ imageUrl: IMAGE_DATA_URI })
  const requests = [feed, (id: string) => watch(id, job.id), typename, (id: string) => watch(id, 'nonsense')]
  let bursts = 0
  while (bursts < 10_000) {
    const socket = await openReady()
    const open = new Set<string>()
    const most = random.whole(1, 400)
    for (let number = 0; number < most; number++, bursts++) {
      for (let step = random.whole(1, 2); step > 0; step--) {
        const id = String(random.whole(1, 3))
        if (open.delete(id)) socket.send({ type: 'complete', id })
        if (random.chance(0.3)) continue
        const ask = requests[random.whole(0, requests.length - 1)] ?? feed
        socket.send(ask(id))
        open.add(id)
      }
      // Some bursts follow upon the answers to those before them, others come all at once.
      if (random.chance(0.01)) await expectAlive(socket, `alive ${number}`)
    }
    if (random.chance(0.5)) await expectAlive(socket)
    socket.cut()
  }
  await untilNothingIsWatched()
}, 60_000)

test('the operations of a socket are at most a megabyte together', async () => {
  const socket = await openReady()
  const large = (id: string) => JSON.stringify(feed(id)).padEnd(30_000)
  for (let id = 1; id <= 36; id++) socket.send(large(String(id)))
  expect(await socket.received(({ type }) => type === 'error')).toMatchObject({
    id: '35',
    payload: [{ extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' } }],
  })
  socket.send({ type: 'complete', id: '1' })
  await expectAlive(socket)
})

test('two operations run side by side on one socket, and complete stops one of them', async () => {
  const [one, two] = await Promise.all([1, 2].map(() => rig.generate({ imageUrl: IMAGE_DATA_URI })))
  const socket = await openReady()
  socket.send(watch('one', one?.id ?? ''))
  socket.send(watch('two', two?.id ?? ''))
  for (const name of ['one', 'two']) await socket.received(({ id }) => id === name)

  socket.send({ type: 'complete', id: 'one' })
  await expectAlive(socket)
  for (const job of [one, two]) await request(rig.url, CancelJobDocument, { id: job?.id ?? '' })
  await socket.received(({ id, type }) => id === 'two' && type === 'complete')

  const statuses = (id: string) =>
    socket.of(id).map(({ type, payload }) => {
      return type === 'next' ? (payload as { data: { jobProgress: { status: string } } }).data.jobProgress.status : type
    })
  expect(statuses('one')).toEqual(['PENDING'])
  expect(statuses('two')).toEqual(['PENDING', 'CANCELED', 'complete'])
})
