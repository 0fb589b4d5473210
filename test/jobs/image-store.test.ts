import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, expect, test, vi } from 'vitest'
import { openDatabase } from '../../src/adapters/postgres/client.ts'
import { readImage, readImagePiece, saveImage } from '../../src/jobs/image-store.ts'
import { openTestDatabase } from '../helpers/database.ts'

const MB = 1024 * 1024

const { db, url, close } = await openTestDatabase()

afterAll(close)

async function createJob(): Promise<string> {
  const { id } = await db.job.create({
    data: { ownerId: 'local', model: 'fal-ai/stable-video', motionBucketId: 127, condAug: 0.02, fps: 25 },
  })
  return id
}

const save = (jobId: string, bytes: Buffer<ArrayBuffer>) =>
  db.$transaction((tx) => saveImage(tx, jobId, { contentType: 'image/png', bytes: new Uint8Array(bytes) }))

test.each([1, MB - 1, MB, MB + 1, 10 * MB])('an image of %i bytes is read as it was saved', async (sizeBytes) => {
  const bytes = randomBytes(sizeBytes)
  const jobId = await createJob()
  await save(jobId, bytes)
  const image = (await readImage(db, jobId)) ?? expect.unreachable()
  expect(image.type).toBe('image/png')
  expect(bytes.equals(Buffer.from(await image.arrayBuffer()))).toBe(true)
  const length = Math.min(10, sizeBytes)
  const end = await readImagePiece(db, jobId, { start: sizeBytes - length, length: 100 })
  expect(end && Buffer.from(end)).toEqual(bytes.subarray(-length))
})

/** The length of the longest bytes in what a statement was given or answered. */
function findLongest(value: unknown): number {
  if (value instanceof Uint8Array) return value.length
  if (typeof value !== 'object' || value === null) return 0
  const { values, rows } = value as { values?: unknown; rows?: unknown }
  return Math.max(0, ...(Array.isArray(value) ? value : [values, rows]).map(findLongest))
}

test('no statement carries more than a megabyte of an image', async () => {
  const [asked, answered] = [vi.spyOn(pg.Client.prototype, 'query'), vi.spyOn(pg.Pool.prototype, 'query')]
  // It takes the pool's function when it is opened.
  const observed = openDatabase({ url, onError: () => {} })
  try {
    const jobId = await createJob()
    await save(jobId, randomBytes(10 * MB))
    await readImage(observed, jobId)
    const answers = answered.mock.settledResults.map(({ value }) => value)
    expect([findLongest(asked.mock.calls), findLongest(answers)]).toEqual([MB, MB])
  } finally {
    vi.restoreAllMocks()
    await observed.$disconnect()
  }
})

test('a job without an image has none, and a partially saved image is not visible', async () => {
  const jobId = await createJob()
  const undone = db.$transaction(async (tx) => {
    await saveImage(tx, jobId, { contentType: 'image/png', bytes: new Uint8Array(2 * MB) })
    throw new Error('undone')
  })
  await expect(undone).rejects.toThrow('undone')
  expect(await readImage(db, jobId)).toBe(null)
  expect(await readImagePiece(db, jobId, { start: 0, length: 1 })).toBe(null)
})
