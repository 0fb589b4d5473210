import { afterAll, beforeAll, expect, test } from 'vitest'
import { FalError } from '../../src/adapters/fal/errors.ts'
import type { ClaimContext } from '../../src/relay/claim-context.ts'
import { createFalOutage } from '../../src/relay/fal-outage.ts'
import { openRelayRig, type RelayRig } from './rig.ts'

const unreachable = new FalError('not-sent', 'fal could not be reached (ECONNREFUSED)')

let rig: RelayRig

beforeAll(async () => {
  rig = await openRelayRig()
})

afterAll(() => rig.close())

const levelsOf = async (id: string) =>
  (await rig.log.read(id, { limit: 100 })).flatMap(({ logs }) => logs.map(({ level }) => level))

const open = (context: ClaimContext, noticeMs: number) =>
  createFalOutage(rig.toDeps('http://127.0.0.1:1'), context, { stage: 'follow', noticeMs, giveUpMs: 60_000 })

test('subscribers are not notified of a short outage', async () => {
  const { id, context } = await rig.claimJob()
  const outage = open(context, 60_000)
  await outage.report(unreachable)
  await outage.end()
  expect(await levelsOf(id)).toEqual([])
})

test('an outage that the worker before has reported is not reported again; a later one is', async () => {
  const { id, context } = await rig.claimJob()
  await open(context, 0).report(unreachable)
  const taken = open(context, 0)
  for (let n = 0; n < 3; n++) await taken.report(unreachable)
  expect(await levelsOf(id)).toEqual(['WARN'])
  await taken.end()
  await taken.end()
  await taken.report(unreachable)
  expect(await levelsOf(id)).toEqual(['WARN', 'INFO', 'WARN'])
})
