import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { GetProviderDocument, UploadImageDocument } from '../../operations/generated/graphql.ts'
import { startTestApp } from '../helpers/app.ts'
import { request, upload } from '../helpers/graphql-client.ts'
import { type ScriptedFal, startScriptedFal } from '../helpers/scripted-fal.ts'
import { until } from '../helpers/until.ts'
import { IMAGE_DATA_URI, openRig, type Rig } from './rig.ts'

const refusal = { status: 401, body: { detail: 'Invalid key' } }

// An open breaker permits the next attempt after up to 30 s.
vi.setConfig({ testTimeout: 120_000 })

let isRefusing = false
let fal: ScriptedFal
let rig: Rig

beforeAll(async () => {
  fal = await startScriptedFal({
    refuse: () => (isRefusing ? refusal : null),
    status: () => ({ status: 200, body: { status: 'COMPLETED', logs: [] } }),
    result: () => ({ status: 200, body: { video: { url: `${fal.url}/clip.mp4` }, seed: 1 } }),
  })
  isRefusing = true
  rig = await openRig({ fal: fal.url })
})

afterAll(async () => {
  await rig.close()
  await fal.stop()
})

async function readProvider(url = rig.url) {
  return (await request(url, GetProviderDocument)).data.provider
}

const untilState = (state: string, url?: string) =>
  until(async () => (await readProvider(url)).state === state, { timeoutMs: 60_000, everyMs: 50, what: state })

async function readWarnings(): Promise<string[]> {
  const ready = await fetch(`${rig.url}/readyz`)
  return ((await ready.json()) as { warnings: string[] }).warnings
}

test('a refused key is reported before the first job, and so is its recovery', async () => {
  await untilState('KEY_REFUSED')
  const { reason, since } = await readProvider()
  expect(reason).toContain('fal refuses the API key: Invalid key. Jobs wait until the operator sets FAL_KEY')
  expect(Math.abs(Date.now() - Date.parse(since ?? ''))).toBeLessThan(60_000)
  expect(await readWarnings()).toHaveLength(1)
  isRefusing = false
  await untilState('AVAILABLE')
  expect(await readProvider()).toEqual({ state: 'AVAILABLE', reason: null, since: null })
  expect(await readWarnings()).toEqual([])
})

test('a job that waits for a key gets one update about it and one about its end, and is submitted once', async () => {
  isRefusing = true
  const { id } = await rig.generate()
  const watching = rig.watch(id)
  await untilState('KEY_REFUSED')
  const isTold = async () =>
    (
      await request<{ job: { updates: { edges: { node: { logs: unknown[] } }[] } } }>(
        rig.url,
        'query ($id: ID!) { job(id: $id) { updates(first: 50) { edges { node { logs { level } } } } } }',
        { id },
      )
    ).data.job.updates.edges.some(({ node }) => node.logs.length > 0)
  await until(isTold, { timeoutMs: 60_000, everyMs: 100, what: 'the warning' })
  isRefusing = false
  const updates = await watching
  expect(updates.at(-1)?.status).toBe('SUCCEEDED')
  const lines = updates.flatMap(({ logs }) => logs)
  expect(lines.map(({ level }) => level)).toEqual(['WARN', 'INFO'])
  expect(lines[0]?.message).toContain('fal refuses the API key')
  expect(fal.submits).toBe(1)
  await untilState('AVAILABLE')
})

test('a pause of the worker is reported by the API of another process', async () => {
  const config = { databaseUrl: rig.databaseUrl, falUrl: fal.url }
  const api = await startTestApp({ ...config, config: { roles: ['api'] } })
  isRefusing = true
  const worker = await startTestApp({ ...config, config: { roles: ['worker'] } })
  await untilState('KEY_REFUSED', api.url)
  expect([api.fal, worker.fal]).toEqual([
    `fal at ${fal.url}, key accepted`,
    `fal at ${fal.url}, the key is REFUSED: set FAL_KEY to a valid key`,
  ])
  await worker.stop()
  await untilState('AVAILABLE', api.url)
  isRefusing = false
  await api.stop()
})

test('a refused upload is reported to all clients, though no job waits', async () => {
  isRefusing = true
  const { errors } = await upload(rig.url, UploadImageDocument, await (await fetch(IMAGE_DATA_URI)).blob())
  expect(errors.map(({ extensions }) => extensions.code)).toEqual(['SERVICE_UNAVAILABLE'])
  expect(errors[0]?.message).toContain('refuses the API key: Invalid key. The operator has to set FAL_KEY')
  await untilState('KEY_REFUSED')
  isRefusing = false
  await untilState('AVAILABLE')
})
