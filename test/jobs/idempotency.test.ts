import { createHash, randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Database, openDatabase } from '../../src/adapters/postgres/client.ts'
import { claimKey, findByKey, type IdempotencyKey, removeOldKeys, toFingerprint } from '../../src/jobs/idempotency.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'
import { until } from '../helpers/until.ts'

test('equal inputs have equal fingerprints; an unset value counts as null', async () => {
  expect(await toFingerprint(['a', 1, null])).toBe(await toFingerprint(['a', 1, undefined]))
  expect(await toFingerprint(['a', 1, null])).toMatch(/^[0-9a-f]{64}$/)
})

test('a fingerprint is the digest of the JSON, however long a text is', async () => {
  const dataUri = `data:${'0123456789'.repeat(400_000)}`
  for (const values of [[], ['é漢😀\ud800"\\\n', 1.5, null], [dataUri, 7, null, dataUri]])
    expect(await toFingerprint(values)).toBe(createHash('sha256').update(JSON.stringify(values)).digest('hex'))
})

test('different inputs have different fingerprints', async () => {
  const inputs = [
    [],
    [null],
    [''],
    ['null'],
    ['a', 'b'],
    ['b', 'a'],
    ['ab'],
    ['a,b'],
    ['a","b'],
    ['a', null, 'b'],
    [1],
    ['1'],
    [1.5],
    [0],
    [2],
  ]
  const fingerprints = await Promise.all(inputs.map(toFingerprint))
  expect(new Set(fingerprints).size).toBe(inputs.length)
})

describe('a key in the database', () => {
  let database: TestDatabase
  let db: Database

  beforeAll(async () => {
    database = await createTestDatabase()
    db = openDatabase({
      url: database.url,
      onError: (error) => {
        throw error
      },
    })
  })

  afterEach(() => void vi.useRealTimers())

  afterAll(async () => {
    await db.$disconnect()
    await database.drop()
  })

  async function createJob(): Promise<string> {
    const settings = { ownerId: 'local', model: 'm', imageUrl: 'https://example.com/a.png', motionBucketId: 1 }
    return (await db.job.create({ data: { ...settings, condAug: 1, fps: 10 } })).id
  }

  const newKey = (): IdempotencyKey => ({ ownerId: 'local', key: randomUUID(), fingerprint: 'x' })
  const age = ({ key }: IdempotencyKey, duration: string) =>
    db.$executeRaw`UPDATE "IdempotencyKey" SET "createdAt" = now() - ${duration}::interval WHERE key = ${key}`
  const take = (key: IdempotencyKey, jobId: string) => db.$transaction((tx) => claimKey(tx, key, jobId))

  test('belongs to its owner only', async () => {
    const key = newKey()
    const [jobId, foreign] = [await createJob(), await createJob()]
    expect(await take(key, jobId)).toBe(true)
    expect(await take({ ...key, ownerId: 'somebody' }, foreign)).toBe(true)
    expect(await findByKey(db, key)).toMatchObject({ job: { id: jobId }, sameInput: true })
    expect(await findByKey(db, { ...key, fingerprint: 'y' })).toMatchObject({ job: { id: jobId }, sameInput: false })
    expect(await findByKey(db, { ...key, ownerId: 'nobody' })).toBeNull()
  })

  test('expires after 24 hours by the clock of the database, not of the server', async () => {
    const key = newKey()
    const [first, second] = [await createJob(), await createJob()]
    expect(await take(key, first)).toBe(true)
    await age(key, '23 hours')
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * 3600_000 })
    expect(await take(key, second)).toBe(false)
    expect(await findByKey(db, key)).toMatchObject({ job: { id: first } })
    await age(key, '25 hours')
    vi.setSystemTime(Date.now() - 4 * 3600_000)
    expect(await findByKey(db, key)).toBeNull()
    expect(await take(key, second)).toBe(true)
    expect(await findByKey(db, key)).toMatchObject({ job: { id: second } })
  })

  test('blocks a second call until the first ends, and is free when the first is rolled back', async () => {
    const key = newKey()
    const [first, second] = [await createJob(), await createJob()]
    const taken = Promise.withResolvers<void>()
    const undoing = Promise.withResolvers<void>()
    const undone = db.$transaction(async (tx) => {
      await claimKey(tx, key, first)
      taken.resolve()
      await undoing.promise
      throw new Error('undone')
    })
    await taken.promise
    const waiting = take(key, second)
    await until(
      async () => {
        const [{ count } = { count: 0 }] = await db.$queryRaw<{ count: number }[]>`
          SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
        return count > 0
      },
      { what: 'the second call to wait' },
    )
    undoing.resolve()
    await expect(undone).rejects.toThrow('undone')
    expect(await waiting).toBe(true)
  })

  test('that is claimed again during its deletion stays', async () => {
    const key = newKey()
    const [first, second] = [await createJob(), await createJob()]
    await take(key, first)
    await age(key, '25 hours')
    await db.$transaction(async (tx) => {
      expect(await claimKey(tx, key, second)).toBe(true)
      expect(await removeOldKeys(db, 100)).toBe(0)
    })
    expect(await removeOldKeys(db, 100)).toBe(0)
    expect(await findByKey(db, key)).toMatchObject({ job: { id: second } })
  })

  test('is deleted after it expires, the oldest first', async () => {
    const keys = Array.from({ length: 5 }, newKey)
    const jobId = await createJob()
    for (const [index, key] of keys.entries()) {
      await take(key, jobId)
      await age(key, `${22 + index} hours 30 minutes`)
    }
    const left = async () => (await db.idempotencyKey.findMany({ where: { jobId } })).map(({ key }) => key)
    expect(await removeOldKeys(db, 2)).toBe(2)
    expect((await left()).sort()).toEqual(
      keys
        .slice(0, 3)
        .map(({ key }) => key)
        .sort(),
    )
    expect(await removeOldKeys(db, 2)).toBe(1)
    expect(await removeOldKeys(db, 2)).toBe(0)
    expect(await left()).toHaveLength(2)
  })
})
