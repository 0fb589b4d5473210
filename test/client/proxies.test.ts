import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createReelayClient, type ReelayClient, type Via } from '../../client/core/reelay-client.ts'
import { CancelJobDocument, UploadImageDocument } from '../../operations/generated/graphql.ts'
import { IMAGE_DATA_URI, openRig, type Rig } from '../api/rig.ts'
import { makeTemporaryDirectory } from '../helpers/directories.ts'
import { type FaultProxy, startFaultProxy } from '../helpers/fault-proxy.ts'
import { request, subscribeOverSse } from '../helpers/graphql-client.ts'
import { until } from '../helpers/until.ts'
import { noCaddy, noNginx, startCaddy, startNginx, type WebProxy } from '../helpers/web-proxies.ts'
import { readStoredSequences } from './rig.ts'

for (const reason of [noNginx, noCaddy])
  if (reason !== null) process.stderr.write(`Tests behind it are skipped: ${reason}\n`)

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)
const MAX_IMAGE_BYTES = 10 * 1024 * 1024

let rig: Rig
let client: ReelayClient | undefined
let proxy: WebProxy | undefined

beforeAll(async () => {
  rig = await openRig({ fal: { stepMs: 100, slots: 20 } })
})

afterEach(async () => {
  await client?.close()
  await proxy?.stop()
  client = undefined
  proxy = undefined
})

afterAll(() => rig?.close())

const target = () => new URL(rig.url).host

/** An nginx with a bare `proxy_pass` and these settings. */
const plainNginx = (settings = '') =>
  startNginx((port) => `server { listen 127.0.0.1:${port}; location / { proxy_pass http://${target()}; ${settings} } }`)

/** A code block of docs/operations.md, with this test's addresses. */
async function readSnippet(language: string, port: number): Promise<string> {
  const page = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  const [, snippet] = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(page) ?? []
  if (snippet === undefined) throw new Error(`docs/operations.md has no block of ${language}`)
  return snippet
    .replace('127.0.0.1:4000', target())
    .replace('listen 80;', `listen 127.0.0.1:${port};`)
    .replace(/^video\.example\.com/m, `http://127.0.0.1:${port}`)
}

interface Watched {
  reelay: ReelayClient
  /** Connection states, each with its transport: "online polling". */
  states: string[]
  sequences: number[]
  /** Ends the job after this many updates. */
  endAfter(count: number): Promise<void>
}

/** Watches a slow job with a new client. */
async function watchSlowJob(url: string, options: { webSocketRetryMs?: number } = {}): Promise<Watched> {
  const reelay = createReelayClient({ url: `${url}/graphql`, ...options })
  client = reelay
  const { id, cursor } = await rig.generate({ imageUrl: 'http://sandbox.test/slow.png' })
  const [states, sequences]: [string[], number[]] = [[], [1]]
  reelay.onConnection((state, via) => states.push(`${state} ${via}`))
  const reading = (async () => {
    for await (const event of reelay.watchJob(id, { after: cursor }))
      if (event.kind === 'update') sequences.push(event.update.sequence)
      else throw new Error('there is a gap')
  })()
  return {
    ...{ reelay, states, sequences },
    endAfter: async (count) => {
      await until(() => sequences.length >= count, { timeoutMs: 20_000, what: `${count} updates` })
      await request(rig.url, CancelJobDocument, { id })
      await reading
      // The watch ended by itself, so it has the last update: each arrived once and in order, over any transport.
      expect(sequences).toEqual(sequences.map((_, index) => index + 1))
    },
  }
}

async function online({ states }: Watched, via: Via): Promise<void> {
  const isThere = () => states.includes(`online ${via}`)
  await until(isThere, { timeoutMs: 40_000 }).catch(() => {})
  expect(states).toContain(`online ${via}`)
}

/** Everything that a proxy must let through. */
async function expectAllPasses(url: string): Promise<void> {
  const watched = await watchSlowJob(url)
  await online(watched, 'websocket')
  await watched.endAfter(3)

  await expectUnbufferedStream(url)

  const form = new FormData()
  form.set('operations', JSON.stringify({ query: String(UploadImageDocument), variables: { file: null } }))
  form.set('map', '{"0":["variables.file"]}')
  const image = Buffer.from(IMAGE_DATA_URI.split(',')[1] ?? '', 'base64')
  const padding = Buffer.alloc(MAX_IMAGE_BYTES - image.byteLength)
  form.set('0', new Blob([image, padding], { type: 'image/png' }), 'large.png')
  const headers = { 'graphql-require-preflight': 'true' }
  const uploaded = await fetch(`${url}/graphql`, { method: 'POST', body: form, headers })
  expect(await uploaded.json()).toMatchObject({ data: { uploadImage: { __typename: 'UploadImageSuccess' } } })

  for (const path of ['/metrics', '/%6detrics', '/assets/..%2fmetrics', '//metrics'])
    expect(await (await fetch(`${url}${path}`)).text()).not.toContain('reelay_')
}

/** The first event arrives while the job runs: a buffered stream would deliver it after the end. */
async function expectUnbufferedStream(url: string): Promise<void> {
  const { id } = await rig.generate({ imageUrl: 'http://sandbox.test/slow.png' })
  const query = 'subscription ($id: ID!) { jobProgress(id: $id) { status } }'
  for await (const { data } of subscribeOverSse(url, query, { id })) {
    expect((data as { jobProgress: { status: string } }).jobProgress.status).not.toMatch(/SUCCEEDED|FAILED|CANCELED/)
    expect((await rig.readJob(id)).finishedAt).toBeNull()
    break
  }
  await request(rig.url, CancelJobDocument, { id })
}

test.skipIf(noNginx !== null)(
  'the nginx of docs/operations.md lets everything through',
  async () => {
    proxy = await startNginx((port) => readSnippet('nginx', port))
    await expectAllPasses(proxy.url)
  },
  60_000,
)

test.skipIf(noCaddy !== null)(
  'the Caddy of docs/operations.md lets everything through',
  async () => {
    proxy = await startCaddy((port) => readSnippet('caddy', port))
    await expectAllPasses(proxy.url)
  },
  60_000,
)

describe.skipIf(noNginx !== null)('behind a plain `proxy_pass`', () => {
  test('event streams are not buffered', async () => {
    proxy = await plainNginx()
    await expectUnbufferedStream(proxy.url)
  })

  test('a job is watched to its end over an event stream', async () => {
    proxy = await plainNginx()
    const watched = await watchSlowJob(proxy.url)
    await online(watched, 'event-stream')
    await watched.endAfter(5)
    await until(() => watched.states.at(-1)?.startsWith('offline'), { what: 'the connection to go offline' })
    expect(watched.states).not.toContain('online websocket')
  })

  test('the command line watches a job to its video, and names the transport', async () => {
    proxy = await plainNginx()
    const { id } = await rig.generate()
    const out = await makeTemporaryDirectory('reelay-test-proxies')
    const words = ['cli/video.ts', '--watch', id, '--url', proxy.url, '--out', join(out.path, 'clip.mp4')]
    const { stdout, stderr } = await run(process.execPath, ['--no-warnings', ...words], { cwd: ROOT })
    await out.remove()
    expect(stdout + stderr).toContain('(updates arrive as server-sent events: a proxy blocks WebSockets')
    expect(stdout + stderr).toContain('Saved ')
  })

  test('that buffers event streams, a job is watched to its end by polling', async () => {
    // nginx passes each buffer on when it is full, so small buffers would not hold a stream back.
    const buffers = 'proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;'
    proxy = await plainNginx(`proxy_ignore_headers X-Accel-Buffering; ${buffers}`)
    const watched = await watchSlowJob(proxy.url)
    await online(watched, 'polling')
    await watched.endAfter(5)
  }, 90_000)

  test('many jobs and the feed are watched at once, while requests succeed', async () => {
    proxy = await plainNginx()
    const first = await watchSlowJob(proxy.url)
    await online(first, 'event-stream')
    const leaving = new AbortController()
    let gaps = 0
    const feed = (async () => {
      for await (const event of first.reelay.watchFeed({ signal: leaving.signal })) if (event.kind === 'gap') gaps++
    })()
    const jobs = await Promise.all(Array.from({ length: 4 }, () => rig.generate()))
    const ends = await Promise.all(
      jobs.map(async ({ id, cursor }) => {
        const sequences = [1]
        for await (const event of first.reelay.watchJob(id, { after: cursor }))
          if (event.kind === 'update') sequences.push(event.update.sequence)
        return { sequences, stored: await readStoredSequences(rig.url, id) }
      }),
    )
    for (const { sequences, stored } of ends) expect(sequences).toEqual(stored)
    expect(gaps).toBe(0)
    leaving.abort()
    await feed
    await first.endAfter(5)
  }, 60_000)
})

describe.skipIf(noNginx !== null)('a client on a changing network', () => {
  let line: FaultProxy

  beforeAll(async () => {
    line = await startFaultProxy({ port: Number(new URL(rig.url).port) })
  })
  afterAll(() => line?.stop())

  test('returns to the WebSocket once it is no longer blocked, and misses and repeats nothing', async () => {
    proxy = await plainNginx()
    line.target = { host: '127.0.0.1', port: Number(new URL(proxy.url).port) }
    const watched = await watchSlowJob(line.through(rig.url), { webSocketRetryMs: 200 })
    await online(watched, 'event-stream')
    await until(() => watched.sequences.length >= 3, { timeoutMs: 20_000, what: 'updates over the stream' })
    line.target = { host: '127.0.0.1', port: Number(new URL(rig.url).port) }
    await online(watched, 'websocket')
    await watched.endAfter(watched.sequences.length + 2)
  }, 60_000)

  test('is offline while its server is down, and keeps the WebSocket afterwards', async () => {
    line.target = { host: '127.0.0.1', port: Number(new URL(rig.url).port) }
    line.mode = 'refuse'
    const watched = await watchSlowJob(line.through(rig.url))
    const attempts = () => watched.states.filter((state) => state === 'connecting websocket').length
    await until(() => attempts() >= 4, { timeoutMs: 20_000, what: 'failed attempts' })
    line.mode = 'pass'
    await online(watched, 'websocket')
    await watched.endAfter(3)
    expect(watched.states.filter((state) => !state.endsWith(' websocket'))).toEqual([])
  }, 60_000)
})
