import { afterEach, expect, test } from 'vitest'
import { findFreePort } from '../helpers/free-port.ts'
import { startRecordingProxy } from '../helpers/recording-proxy.ts'
import { startTestSandbox } from '../helpers/sandbox.ts'
import { until } from '../helpers/until.ts'
import { openRig, type Rig } from './rig.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

const SUBMIT = '/fal-ai/stable-video'

/** A server that fal can reach, and a fal whose answers `pass` may change. */
async function openReachableRig(pass?: Parameters<typeof startRecordingProxy>[1]) {
  const sandbox = await startTestSandbox({ stepMs: 5, webhookRetryMs: 50 })
  closing.push(sandbox.stop)
  const proxy = await startRecordingProxy(sandbox.url, pass)
  closing.push(proxy.stop)
  const port = await findFreePort()
  const config = { port, publicUrl: `http://127.0.0.1:${port}` }
  const rig = await openRig({ fal: proxy.url, config })
  closing.push(rig.close)
  return { rig, submits: () => proxy.requests.filter(({ path, method }) => method === 'POST' && path === SUBMIT) }
}

/** A job takes some seconds on a busy machine. */
const WAIT = { timeoutMs: 30_000, what: 'the end of the job' }

async function endOf(rig: Rig, id: string): Promise<string> {
  return await until(async () => {
    const { status } = await rig.readJob(id)
    return ['SUCCEEDED', 'FAILED', 'CANCELED'].includes(status) ? status : null
  }, WAIT)
}

test('a submit whose response was lost is adopted by the webhook of fal, and not repeated', async () => {
  const { rig, submits } = await openReachableRig((request, answer) =>
    request.method === 'POST' && new URL(request.url).pathname === SUBMIT ? new Response('', { status: 502 }) : answer,
  )
  const { id } = await rig.generate()
  expect(await endOf(rig, id)).toBe('SUCCEEDED')
  expect(submits()).toHaveLength(1)
  const updates = await rig.watch(id)
  expect(updates.flatMap(({ logs }) => logs.map(({ message }) => message))).toContainEqual(
    expect.stringContaining('fal did not confirm the request'),
  )
})

test('fal gets a webhook URL only when PUBLIC_URL is set', async () => {
  const urls: (string | null)[] = []
  const { rig } = await openReachableRig((request, answer) => {
    if (request.method === 'POST') urls.push(new URL(request.url).searchParams.get('fal_webhook'))
    return answer
  })
  const { id } = await rig.generate()
  await endOf(rig, id)
  expect(urls).toEqual([expect.stringMatching(`^${rig.url}/webhooks/fal\\?job=[0-9a-f-]{36}&mac=[\\w-]{43}$`)])

  const proxy = await startRecordingProxy(rig.falUrl)
  closing.push(proxy.stop)
  const other = await openRig({ fal: proxy.url })
  closing.push(other.close)
  urls.length = 0
  const { id: otherId } = await other.generate()
  await endOf(other, otherId)
  expect(urls).toEqual([null])
})
