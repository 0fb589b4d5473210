import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { afterEach, describe, expect, test } from 'vitest'
import { currentTraceParent, withSpan, withTraceParent } from '../../../src/adapters/telemetry/trace.ts'

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

afterEach(() => context.disable())

test('without tracing nothing is propagated, and work returns or throws as usual', async () => {
  const failure = new Error('no')
  expect(withTraceParent(PARENT, currentTraceParent)).toBeNull()
  expect(await withSpan('work', {}, () => 'done')).toBe('done')
  await expect(withSpan('work', {}, () => Promise.reject(failure))).rejects.toBe(failure)
})

describe('with tracing, a traceparent', () => {
  test.each([
    ['that is sampled', PARENT, PARENT],
    ['that is not sampled', PARENT.replace(/01$/, '00'), PARENT.replace(/01$/, '00')],
    ['with unknown flags', PARENT.replace(/01$/, 'ff'), PARENT],
    ['of a later version', `cc${PARENT.slice(2)}-more`, PARENT],
    ['of the invalid version ff', `ff${PARENT.slice(2)}`, null],
    ['longer than its version allows', `${PARENT}0`, null],
    ['in upper case', PARENT.toUpperCase(), null],
    ['of the all-zero trace', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, null],
    ['that is not a traceparent', 'nonsense', null],
    ['that is null', null, null],
  ])('%s', (_name, given, carried) => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    expect(withTraceParent(given, currentTraceParent)).toBe(carried)
    expect(currentTraceParent()).toBeNull()
  })
})
