import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { afterEach, describe, expect, test } from 'vitest'
import { currentTraceParent, withSpan, withTraceParent } from '../../../src/adapters/telemetry/trace.ts'

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

afterEach(() => context.disable())

test('without tracing nothing is carried, and work comes out as it would', async () => {
  const failure = new Error('no')
  expect(withTraceParent(PARENT, currentTraceParent)).toBeNull()
  expect(await withSpan('work', {}, () => 'done')).toBe('done')
  await expect(withSpan('work', {}, () => Promise.reject(failure))).rejects.toBe(failure)
})

describe('with tracing, a traceparent', () => {
  test.each([
    ['that is sampled', PARENT, PARENT],
    ['that is not sampled', PARENT.replace(/01$/, '00'), PARENT.replace(/01$/, '00')],
    ['with flags that nobody knows', PARENT.replace(/01$/, 'ff'), PARENT],
    ['of a later version', `cc${PARENT.slice(2)}-more`, PARENT],
    ['of the version that is none', `ff${PARENT.slice(2)}`, null],
    ['with more than its version has room for', `${PARENT}0`, null],
    ['in capitals', PARENT.toUpperCase(), null],
    ['of a trace that is none', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, null],
    ['that is no traceparent', 'nonsense', null],
    ['that is not there', null, null],
  ])('%s', (_name, given, carried) => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    expect(withTraceParent(given, currentTraceParent)).toBe(carried)
    expect(currentTraceParent()).toBeNull()
  })
})
