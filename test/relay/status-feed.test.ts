import { expect, test } from 'vitest'
import { createFal } from '../../src/adapters/fal/client.ts'
import { FalError } from '../../src/adapters/fal/errors.ts'
import type { FalStatus } from '../../src/adapters/fal/types.ts'
import { type FeedItem, readStatusFeed } from '../../src/relay/status-feed.ts'
import { createWakeUp } from '../../src/relay/wake-up.ts'
import { startScriptedFal } from '../helpers/scripted-fal.ts'

test('a wake-up in the moment in which a stream ends is not lost', async () => {
  const server = await startScriptedFal({
    status: () => ({ status: 200, body: { status: 'IN_PROGRESS' } }),
    result: () => ({ status: 400, body: {} }),
  })
  const fal = createFal({ queueUrl: server.url, restUrl: server.url, mediaHosts: [] })
  const wakeUp = createWakeUp()
  // biome-ignore lint/correctness/useYield: it breaks before its first event
  async function* watch(): AsyncGenerator<FalStatus> {
    wakeUp.notify()
    throw new FalError('interrupted', 'cut')
  }
  const claim = { jobId: 'the-job', number: 1 }
  const context = { claim, wakeUp, signal: new AbortController().signal }
  const deps = { fal: { ...fal, watch }, random: () => 0, onError: () => {} }
  const request = { endpoint: 'fal-ai/stable-video', requestId: server.requestId }
  const items: FeedItem[] = []
  for await (const item of readStatusFeed(deps, context, request, { countChanges: () => 0, mayStream: () => true }))
    if (items.push(item) === 2) break
  expect(items).toMatchObject([{ kind: 'status', source: 'poll' }, { kind: 'wake-up' }])
  await server.stop()
})
