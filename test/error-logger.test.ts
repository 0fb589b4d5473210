import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FalError } from '../src/adapters/fal/errors.ts'
import type { Logger } from '../src/adapters/telemetry/logger.ts'
import { createErrorLogger } from '../src/error-logger.ts'
import { DatabaseUnavailableError, ServiceUnavailableError } from '../src/errors.ts'

const MINUTE_MS = 60_000

interface Line {
  level: string
  facts: Record<string, unknown>
  text: string
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function openReport() {
  const lines: Line[] = []
  const write = (level: string) => (facts: Record<string, unknown>, text: string) => lines.push({ level, facts, text })
  const logger = { warn: write('warn'), error: write('error') } as unknown as Logger
  return { lines, report: createErrorLogger(logger) }
}

test('repeated errors are one line a minute, with their count and their first ids', () => {
  const { lines, report } = openReport()
  for (let number = 0; number < 10_000; number++)
    report(new Error(`no room for ${number} bytes`), { stage: 'graphql', id: `id-${number}` })
  expect(lines).toMatchObject([{ level: 'error', text: 'graphql failed', facts: { id: 'id-0' } }])

  vi.advanceTimersByTime(MINUTE_MS)
  expect(lines.slice(1)).toMatchObject([
    { level: 'error', text: 'graphql failed (repeated)', facts: { repeated: 9999 } },
  ])
  expect(lines[1]?.facts.ids).toHaveLength(20)

  report(new Error('no room for 7 bytes'), { stage: 'graphql' })
  expect(lines).toHaveLength(2)
  vi.advanceTimersByTime(MINUTE_MS)
  expect(lines.slice(2)).toMatchObject([{ facts: { repeated: 1 } }])
})

test('after a quiet minute an error is logged at once again, and no timer is left', () => {
  const { lines, report } = openReport()
  report(new Error('once'), { stage: 'graphql' })
  vi.advanceTimersByTime(MINUTE_MS)
  expect(vi.getTimerCount()).toBe(0)
  report(new Error('once'), { stage: 'graphql' })
  expect(lines).toHaveLength(2)
})

test('errors of different stages, classes or messages are logged separately', () => {
  const { lines, report } = openReport()
  report(new Error('one'), { stage: 'a' })
  report(new Error('one'), { stage: 'b' })
  report(new Error('other'), { stage: 'a' })
  report(new TypeError('one'), { stage: 'a' })
  report(new FalError('rejected', 'one'), { stage: 'a' })
  expect(lines).toHaveLength(5)
})

test('endlessly different messages cost neither lines nor memory', () => {
  const { lines, report } = openReport()
  const letters = (number: number) => [...String(number)].map((digit) => 'abcdefghij'[Number(digit)]).join('')
  for (let number = 0; number < 20_000; number++) report(new Error(letters(number)), { stage: 'graphql' })
  expect(lines.length).toBeLessThanOrEqual(201)
  expect(vi.getTimerCount()).toBeLessThanOrEqual(201)
})

test('an outage is one line a minute, in whatever stages and causes it appears', () => {
  const { lines, report } = openReport()
  const full = new DatabaseUnavailableError('could not extend file "base/1/2": No space left on device')
  report(full, { stage: 'relay' })
  report(full, { stage: 'claim' })
  report(new Error('come back later', { cause: full }), { stage: 'graphql' })
  expect(lines.map(({ text }) => text)).toEqual([
    'relay: the database is unavailable or slow: could not extend file "base/1/2": No space left on device',
  ])
  vi.advanceTimersByTime(MINUTE_MS)
  expect(lines.slice(1)).toMatchObject([{ level: 'warn', facts: { repeated: 2 } }])
})

test.each<[string, unknown]>([
  [
    'a failure of fal, whatever broke the connection',
    new FalError('not-sent', 'no', { cause: { code: 'ECONNREFUSED' } }),
  ],
  ['an error for the caller', new ServiceUnavailableError('later', { cause: { code: 'ECONNREFUSED' } })],
  ['a text', 'Query read timeout'],
  ['nothing', undefined],
])('%s is no outage of the database', (_what, error) => {
  const { lines, report } = openReport()
  report(error, { stage: 'graphql' })
  expect(lines.map(({ text }) => text)).not.toEqual([expect.stringContaining('the database')])
})

test('a line about an unavailable database or a refusal by fal is short', () => {
  const { lines, report } = openReport()
  report(new DatabaseUnavailableError('x'.repeat(1e6)), { stage: 'graphql' })
  report(new FalError('rejected', 'y'.repeat(1e6)), { stage: 'submit' })
  expect(lines.map(({ text }) => text.length <= 600)).toEqual([true, true])
})

test('an error in the log is bounded in its message, its frames and its causes', () => {
  const script = `
    import { createLogger } from './src/adapters/telemetry/logger.ts'
    const long = '\\n    at x'.repeat(1e6)
    let error = new Error(long)
    for (let depth = 0; depth < 100; depth++) error = Object.assign(new Error(long, { cause: error }), { rows: long, code: 'E' })
    createLogger('info').error({ err: error }, 'failed')`
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  const { err } = JSON.parse(stderr) as { err: Record<string, string> }
  expect(Object.keys(err)).toEqual(['type', 'message', 'code', 'stack'])
  expect(err.message?.length).toBeLessThanOrEqual(500)
  expect(err.stack).toContain('caused by: Error: ')
  expect(stderr.length).toBeLessThan(30_000)
})
