import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  CancelJobDocument,
  GenerateVideoDocument,
  GetJobDocument,
  RetryJobDocument,
} from '../../operations/generated/graphql.ts'
import { startTestApp, type TestApp } from '../helpers/app.ts'
import { request } from '../helpers/graphql-client.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'
import { type FalScript, type ScriptedFal, startScriptedFal } from '../helpers/scripted-fal.ts'
import { until } from '../helpers/until.ts'

const ELSEWHERE = 'https://storage.googleapis.com/falserverless/out.mp4'
const COMPLETED = { status: 200, body: { status: 'COMPLETED' } }

const script: { status: FalScript['status']; result: FalScript['result'] } = {
  status: () => COMPLETED,
  result: () => ({ status: 200, body: { video: { url: ELSEWHERE }, seed: 1 } }),
}
let database: TestDatabase
let sql: pg.Client
let fal: ScriptedFal
let app: TestApp

beforeAll(async () => {
  database = await createTestDatabase()
  sql = new pg.Client({ connectionString: database.url })
  await sql.connect()
  fal = await startScriptedFal({ status: () => script.status(), result: () => script.result() })
  app = await start([])
})

afterAll(async () => {
  await app.stop()
  await fal.stop()
  await sql.end()
  await database.drop()
})

function start(mediaHosts: string[]): Promise<TestApp> {
  const urls = { queueUrl: fal.url, restUrl: fal.url, jwksUrl: fal.url }
  return startTestApp({
    databaseUrl: database.url,
    falUrl: fal.url,
    config: { fal: { sandbox: false, key: 'test-key', ...urls, mediaHosts } },
  })
}

async function readJob(id: string) {
  const { job } = (await request(app.url, GetJobDocument, { id })).data
  if (!job) throw new Error(`the server does not know the job ${id}`)
  return job
}

async function retry(id: string, idempotencyKey: string | null = null) {
  const { retryJob } = (await request(app.url, RetryJobDocument, { id, idempotencyKey })).data
  if (retryJob.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(retryJob))
  return retryJob.job.id
}

const end = (id: string) =>
  until(
    async () => {
      const job = await readJob(id)
      return ['SUCCEEDED', 'FAILED', 'CANCELED'].includes(job.status) ? job : null
    },
    { timeoutMs: 20_000, what: 'the end of the job' },
  )

const forget = (text: string | null) => sql.query('UPDATE "KeptResult" SET text = $1', [text])

test('a video at a host that is not allowed is returned by a retry once the host is allowed, and is paid for once', async () => {
  const input = { imageUrl: 'https://example.com/rocket.png', seed: 1 }
  const { generateVideo } = (await request(app.url, GenerateVideoDocument, { input })).data
  if (generateVideo.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(generateVideo))
  const first = generateVideo.job.id
  const refused = {
    status: 'FAILED',
    failure: {
      code: 'RESULT_REFUSED',
      retryable: true,
      message: expect.stringMatching(/storage\.googleapis\.com.*FAL_MEDIA_HOSTS.*kept/),
    },
  }
  expect(await end(first)).toMatchObject(refused)
  const again = await retry(first)
  expect(await end(again)).toMatchObject(refused)

  await app.stop()
  app = await start(['storage.googleapis.com'])
  // fal no longer has it.
  script.result = () => ({ status: 404, body: { detail: 'Not Found' } })
  for (const id of [again, first]) {
    const [one, two] = [await retry(id, `of ${id}`), await retry(id, `of ${id}`)]
    expect(two).toBe(one)
    expect(await end(one)).toMatchObject({ status: 'SUCCEEDED', video: { url: ELSEWHERE }, retryOf: { id } })
  }
  expect(fal.submits).toBe(1)
})

test('a retry of an answer that cannot be read asks fal for that request again', async () => {
  const { rows } = await sql.query(`SELECT id FROM "Job" WHERE "retryOfId" IS NULL`)
  const first = Buffer.from(`Job:${rows[0].id}`).toString('base64url')
  await forget("{'video': 1}")
  let asked = 0
  script.result = () =>
    ++asked === 1
      ? { status: 200, body: '<html>' }
      : { status: 200, body: `{"video":{"url":"${ELSEWHERE}","file_size":NaN},"seed":Infinity}` }
  expect(await end(await retry(first))).toMatchObject({ status: 'SUCCEEDED', video: { url: ELSEWHERE, seed: null } })
  expect(asked).toBe(2)
  expect(fal.submits).toBe(1)

  // A cancel reaches fal, and an ended request is not continued.
  await forget(null)
  script.status = () =>
    fal.cancels === 0 ? { status: 200, body: { status: 'IN_PROGRESS' } } : { status: 404, body: { detail: 'gone' } }
  const canceled = await retry(first)
  await until(async () => (await readJob(canceled)).status === 'RUNNING', { timeoutMs: 20_000, what: 'the job to run' })
  await request(app.url, CancelJobDocument, { id: canceled })
  expect(await end(canceled)).toMatchObject({ status: 'CANCELED' })
  expect([fal.cancels, fal.submits]).toEqual([1, 1])
  await retry(canceled)
  await until(() => fal.submits === 2, { timeoutMs: 20_000, what: 'a submit' })
})

test('a kept result is deleted with its job', async () => {
  const { rows } = await sql.query('SELECT count(*)::int AS count FROM "KeptResult"')
  expect(rows[0].count).toBeGreaterThan(0)
  await sql.query('DELETE FROM "Job"')
  expect((await sql.query('SELECT count(*)::int AS count FROM "KeptResult"')).rows).toEqual([{ count: 0 }])
})
