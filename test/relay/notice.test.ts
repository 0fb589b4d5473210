import { afterAll, beforeAll, expect, test } from 'vitest'
import { FalError } from '../../src/adapters/fal/errors.ts'
import { createSilence } from '../../src/relay/notice.ts'
import { openRelayRig, type RelayRig } from './rig.ts'

const away = new FalError('not-sent', 'fal could not be reached (ECONNREFUSED)')

let rig: RelayRig

beforeAll(async () => {
  rig = await openRelayRig()
})

afterAll(() => rig.close())

const levelsOf = async (id: string) =>
  (await rig.log.read(id, { limit: 100 })).flatMap(({ logs }) => logs.map(({ level }) => level))

test('a short silence of fal is not told', async () => {
  const { id, context } = await rig.claimJob()
  const silence = createSilence(rig.toDeps('http://127.0.0.1:1'), context, 60_000)
  await silence.failed(away)
  await silence.answered()
  expect(await levelsOf(id)).toEqual([])
})

test('a silence that the holder before has told is not told again; one that comes later is', async () => {
  const { id, context } = await rig.claimJob()
  const deps = rig.toDeps('http://127.0.0.1:1')
  await createSilence(deps, context, 0).failed(away)
  const taken = createSilence(deps, context, 0)
  for (let n = 0; n < 3; n++) await taken.failed(away)
  expect(await levelsOf(id)).toEqual(['WARN'])
  await taken.answered()
  await taken.answered()
  await taken.failed(away)
  expect(await levelsOf(id)).toEqual(['WARN', 'INFO', 'WARN'])
})
