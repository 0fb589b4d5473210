import { describe, expect, test } from 'vitest'
import { ReelayRequestError } from '../../client/core/errors.ts'
import { schema } from '../../src/schema/index.ts'
import { toFailureText } from '../../studio/src/format/failure.ts'
import { toErrorText, toOfflineText } from '../../studio/src/format/request-error.ts'
import { FILTERS, toQueueText, toStatusText } from '../../studio/src/format/status.ts'
import { toAgo, toClock, toDuration, toSize } from '../../studio/src/format/time.ts'

type Failure = Parameters<typeof toFailureText>[0]
type Status = Parameters<typeof toStatusText>[0]

function readEnum(name: string): string[] {
  const type = schema.getType(name)
  if (!type || !('getValues' in type)) throw new Error(`the schema has no enum ${name}`)
  return type.getValues().map((value) => value.name)
}

describe('a failure', () => {
  const codes = readEnum('JobFailureCode') as Failure['code'][]

  test.each(codes)('%s has its own title and advice', (code) => {
    const texts = toFailureText({ code, message: 'server message', retryable: true })
    expect(texts.advice).not.toBe('server message')
    expect(texts.title.length).toBeLessThan(48)
    for (const other of codes.filter((one) => one !== code))
      expect(toFailureText({ code: other, message: '', retryable: true }).title).not.toBe(texts.title)
  })

  test('with an unknown code shows the server’s message, and offers a retry if it is retryable', () => {
    const failure = { code: 'NEW' as Failure['code'], message: 'The moon is full.' }
    expect(toFailureText({ ...failure, retryable: true })).toMatchObject({
      advice: 'The moon is full.',
      remedy: 'retry',
    })
    expect(toFailureText({ ...failure, retryable: false })).toMatchObject({ remedy: 'edit' })
  })
})

describe('a status', () => {
  const statuses = readEnum('JobStatus') as Status[]

  test.each(statuses)('%s has a text and belongs to exactly one filter besides "All"', (status) => {
    expect(toStatusText(status, false)).toMatch(/^[A-Z][a-z]/)
    const lists: (readonly string[] | null)[] = FILTERS.map((filter) => filter.statuses)
    expect(lists.filter((list) => list?.includes(status))).toHaveLength(1)
  })

  test('PENDING is waiting for fal while submission is paused; other statuses do not change', () => {
    expect(toStatusText('PENDING', true)).toBe('Waiting for fal')
    expect(toStatusText('RUNNING', true)).toBe(toStatusText('RUNNING', false))
  })

  test('that is unknown is shown as its lower-case name', () => {
    expect(toStatusText('ON_HOLD' as Status, false)).toBe('on hold')
  })
})

test.each([
  [0, 'Next up', ''],
  [1, '1', 'ahead of you'],
  [12_654, '12,654', 'ahead of you'],
])('the queue position %s is shown as "%s %s"', (position, large, small) => {
  expect(toQueueText(position)).toEqual({ large, small })
})

test.each([
  [-5000, '0:00', '0 s'],
  [7400, '0:07', '7 s'],
  [65_000, '1:05', '1 min 5 s'],
  [120_000, '2:00', '2 min'],
  [7_389_000, '2:03:09', '2 h 3 min'],
])('%d ms are %s on a clock and last %s', (ms, clock, duration) => {
  expect([toClock(ms), toDuration(ms)]).toEqual([clock, duration])
})

test.each([
  [-1000, 'just now'],
  [59_000, 'just now'],
  [5 * 60_000, '5 min ago'],
  [3 * 3_600_000, '3 h ago'],
  [30 * 3_600_000, 'yesterday'],
])('%d ms ago is "%s"', (ms, text) => {
  expect(toAgo(Date.parse('2026-11-24T12:00:00Z') - ms, Date.parse('2026-11-24T12:00:00Z'))).toBe(text)
})

test.each([
  [900, '900 bytes'],
  [55_100, '55 kB'],
  [1_250_000, '1.3 MB'],
])('%d bytes are %s', (bytes, text) => {
  expect(toSize(bytes)).toBe(text)
})

describe('the text of a failed request has advice after', () => {
  const failed = (status: number, code?: string) =>
    new ReelayRequestError('server message', { status, errors: code ? [{ message: '', extensions: { code } }] : [] })

  test.each([
    ['no connection', failed(0), /unreachable.*try again/],
    ['a starting server', failed(503, 'SERVICE_UNAVAILABLE'), /not ready.*Try again/],
    ['a proxy without a server', failed(502), /not ready.*Try again/],
    ['an image that is too large', failed(413), /10 MiB.*smaller/],
    ['an unexpected error', failed(200, 'INTERNAL_SERVER_ERROR'), /had an error.*Try again/],
    ['a timeout', new DOMException('', 'TimeoutError'), /in time.*try again/],
    ['any other error', failed(200, 'BAD_USER_INPUT'), /^server message$/],
  ])('%s', (_name, error, text) => {
    expect(toErrorText(error)).toMatch(text)
  })
})

test.each([
  ['localhost', 'Reconnecting…'],
  ['127.0.0.1', 'Reconnecting…'],
  ['[::1]', 'Reconnecting…'],
  ['reelay.example.com', 'Reconnecting… Jobs keep running.'],
])('a page of %s that lost its connection shows "%s"', (hostname, text) => {
  expect(toOfflineText(hostname)).toBe(text)
})
