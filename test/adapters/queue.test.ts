import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { PgBoss } from 'pg-boss'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/adapters/postgres/client.ts'
import { openQueue, type Queue } from '../../src/adapters/queue.ts'
import { DatabaseUnavailableError } from '../../src/errors.ts'
import { startFaultProxy } from '../helpers/fault-proxy.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'
import { until } from '../helpers/until.ts'

let database: TestDatabase
let db: Database
let queue: Queue
let boss: PgBoss
const others: Queue[] = []

const throwAll = (error: unknown) => {
  throw error
}

beforeAll(async () => {
  database = await createTestDatabase()
  db = openDatabase({ url: database.url, onError: throwAll })
  queue = await openQueue({ url: database.url, onError: throwAll })
  boss = await new PgBoss({ connectionString: database.url, schedule: false, supervise: false }).start()
})

afterEach(async () => {
  for (const other of others.splice(0)) await other.stop()
})

afterAll(async () => {
  await boss.stop({ graceful: false })
  await queue.stop()
  await db.$disconnect()
  await database.drop()
})

/** One more instance of the server, as far as the engine is concerned. */
async function openOther(onError: (error: unknown, context: { stage: string }) => void = throwAll): Promise<Queue> {
  const other = await openQueue({ url: database.url, onError })
  others.push(other)
  return other
}

async function enqueue(): Promise<string> {
  const jobId = randomUUID()
  await db.$transaction((tx) => queue.enqueue(tx, jobId))
  return jobId
}

async function claim(jobId: string) {
  const claims = await queue.claim(10)
  expect(claims.map((one) => one.jobId)).toEqual([jobId])
  return claims[0] ?? throwAll(new Error('no claim'))
}

const complete = (claim: { jobId: string; number: number }) => db.$transaction((tx) => queue.complete(tx, claim))
const restore = (...last: { jobId: string; number: number }[]) => db.$transaction((tx) => queue.restore(tx, last))

describe('tasks', () => {
  test('are found while they wait, are claimed or were released, but not once ended', async () => {
    const jobId = await enqueue()
    const ask = async () => [...(await queue.findTasks([jobId, randomUUID()]))]
    expect(await ask()).toEqual([jobId])
    const first = await claim(jobId)
    expect(await ask()).toEqual([jobId])
    await queue.release([first])
    expect(await ask()).toEqual([jobId])
    expect(await complete(await claim(jobId))).toBe(true)
    expect(await ask()).toEqual([])
  })

  test.each(['was never added', 'has ended'])(
    'one that %s is restored, and claimed with a higher number',
    async (how) => {
      const jobId = how === 'has ended' ? await enqueue() : randomUUID()
      if (how === 'has ended') await complete(await claim(jobId))
      expect(await restore({ jobId, number: 7 })).toEqual([jobId])
      const held = await claim(jobId)
      expect(held).toEqual({ jobId, number: 8 })
      expect(await queue.heartbeat([{ jobId, number: 7 }])).toEqual([])
      expect(await queue.heartbeat([held])).toEqual([held])
      await queue.release([held])
      expect(await claim(jobId)).toEqual({ jobId, number: 9 })
      expect(await complete({ jobId, number: 9 })).toBe(true)
    },
  )

  test('that wait or are claimed are not restored', async () => {
    const waiting = await enqueue()
    expect(await restore({ jobId: waiting, number: 5 })).toEqual([])
    const held = await claim(waiting)
    expect(held.number).toBe(1)
    expect(await restore({ jobId: waiting, number: 5 })).toEqual([])
    expect(await queue.heartbeat([held])).toEqual([held])
    expect(await complete(held)).toBe(true)
  })

  test('are restored with the transaction, or not at all', async () => {
    const jobId = randomUUID()
    const undone = db.$transaction(async (tx) => {
      await queue.restore(tx, [{ jobId, number: 0 }])
      throw new Error('undone')
    })
    await expect(undone).rejects.toThrow('undone')
    expect(await queue.findTasks([jobId])).toEqual(new Set())
  })

  test('lost by ten instances at once are restored once', async () => {
    const jobId = randomUUID()
    const added = await Promise.all(Array.from({ length: 10 }, () => restore({ jobId, number: 0 })))
    expect(added.flat()).toEqual([jobId])
    expect(await complete(await claim(jobId))).toBe(true)
  })
})

test('a task without heartbeats is a takeover; a released or restored one is not', async () => {
  const takenOver: string[] = []
  const other = await openQueue({ url: database.url, onError: throwAll, onTakeover: (id) => takenOver.push(id) })
  others.push(other)
  const claimAgain = async (jobId: string) =>
    await until(async () => (await other.claim(10)).find((one) => one.jobId === jobId), { timeoutMs: 25_000 })

  const released = await enqueue()
  await queue.release([await claim(released)])
  await complete(await claimAgain(released))
  const lost = randomUUID()
  await restore({ jobId: lost, number: 3 })
  await complete(await claimAgain(lost))
  expect(takenOver).toEqual([])

  const abandoned = await enqueue()
  expect(await claim(abandoned)).toEqual({ jobId: abandoned, number: 1 })
  const next = await claimAgain(abandoned)
  expect([next.number, takenOver]).toEqual([2, [abandoned]])

  // A release after that is not counted as a death.
  await other.release([next])
  await complete(await claimAgain(abandoned))
  expect(takenOver).toEqual([abandoned])
})

describe('scheduled work', () => {
  /** The engine checks for due times twice a minute, and at its start if there was no check just before. */
  async function forgetLastLook(): Promise<void> {
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    await client.query("update pgboss.version set cron_on = now() - interval '1 hour'")
    await client.end()
  }

  test('runs once for each time, in one of three instances', async () => {
    const runs: string[] = []
    for (const name of ['a', 'b']) {
      const other = await openOther()
      await other.schedule('each-minute', '* * * * *', async () => void runs.push(name))
    }
    await forgetLastLook()
    await openOther()
    await until(() => runs.length > 0, { timeoutMs: 25_000, what: 'a run' })
    const { rows } = await boss
      .getDb()
      .executeSql("select singleton_on from pgboss.job where name = '__pgboss__send-it'")
    expect(runs).toHaveLength(rows.length)
    await boss.unschedule('each-minute')
  })

  test('never runs twice at once, and skips a time during a run', async () => {
    const name = 'long'
    const [one, two] = [await openOther(), await openOther()]
    const ending = Promise.withResolvers<void>()
    let running = 0
    for (const other of [one, two])
      await other.schedule(name, '0 0 1 1 *', async () => {
        running++
        await ending.promise
      })
    expect(await boss.send(name)).not.toBeNull()
    await until(() => running === 1, { what: 'the run' })
    expect(await boss.send(name)).toBeNull()
    ending.resolve()
    await until(async () => (await boss.send(name)) !== null, { what: 'the next time to be taken' })
    await until(() => running === 2, { what: 'the next run' })
  })

  test('is reported and repeated when it fails', async () => {
    const name = 'failing'
    const reported: string[] = []
    const other = await openOther((error, { stage }) => void reported.push(`${stage}: ${(error as Error).message}`))
    let runs = 0
    await other.schedule(name, '0 0 1 1 *', async () => {
      runs++
      if (runs === 1) throw new Error('the disk is full')
    })
    await boss.send(name)
    await until(() => runs === 2, { timeoutMs: 20_000, what: 'the repetition' })
    expect(reported).toEqual(['failing: the disk is full'])
  })

  test('is set up on a database that is slow to accept connections', async () => {
    const postgres = await startFaultProxy({ port: Number(new URL(database.url).port) })
    postgres.delayMs = 450
    const other = await openQueue({ url: postgres.through(database.url), onError: () => {} })
    postgres.delayMs = 0
    await other.schedule('each-year', '0 0 1 1 *', async () => {})
    await boss.unschedule('each-year')
    await other.stop()
    await postgres.stop()
  })

  test('reports an unavailable database when it cannot be checked', async () => {
    const postgres = await startFaultProxy({ port: Number(new URL(database.url).port) })
    const errors: unknown[] = []
    const onError = (error: unknown) => errors.push(error)
    const other = await openQueue({ url: postgres.through(database.url), onError })
    await other.schedule('each-year', '0 0 1 1 *', async () => {})
    postgres.mode = 'cut'
    // More errors than those of the engine's own maintenance.
    await until(() => errors.length > 5, { timeoutMs: 20_000 })
    expect(errors.filter((error) => !(error instanceof DatabaseUnavailableError))).toEqual([])
    postgres.mode = 'pass'
    await other.stop()
    await postgres.stop()
    await boss.unschedule('each-year')
  })

  test('is taken over when its process died', async () => {
    const name = 'abandoned'
    const first = await openQueue({ url: database.url, onError: throwAll })
    await first.schedule(name, '0 0 1 1 *', async () => {})
    await first.stop()
    // Fetched by a process that then sends no heartbeat.
    await boss.send(name)
    expect(await boss.fetch(name)).toHaveLength(1)

    const other = await openOther()
    let runs = 0
    await other.schedule(name, '0 0 1 1 *', async () => {
      runs++
    })
    await until(() => runs === 1, { timeoutMs: 28_000, what: 'the takeover' })
  })

  test('is aborted by a stop, which waits for its end, and runs in another instance', async () => {
    const name = 'handed-over'
    const stopping = await openQueue({ url: database.url, onError: throwAll })
    let started = false
    let ended = false
    await stopping.schedule(name, '0 0 1 1 *', async (signal) => {
      started = true
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      ended = true
      signal.throwIfAborted()
    })
    await boss.send(name)
    await until(() => started, { what: 'the run' })
    await stopping.stop()
    expect(ended).toBe(true)

    const other = await openOther()
    let runs = 0
    await other.schedule(name, '0 0 1 1 *', async () => {
      runs++
    })
    await until(() => runs === 1, { timeoutMs: 15_000, what: 'the other instance' })
  })
})
