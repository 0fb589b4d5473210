import { expect, test } from 'vitest'
import { isPassing, toRequestError, withRetries } from '../../cli/client.ts'
import { ConnectionError, RequestError } from '../../cli/errors.ts'
import { toLocalAddress } from '../../cli/server.ts'
import { nextDelayMs, toEnding } from '../../cli/watch.ts'

test('pauses grow from a quarter of a second to five, with some chance', () => {
  expect([0, 1, 2, 3, 4, 5, 50].map((attempt) => nextDelayMs(attempt, 1))).toEqual([
    250, 500, 1000, 2000, 4000, 5000, 5000,
  ])
  expect(nextDelayMs(0, 0)).toBe(125)
})

test('a connection is made again unless the same would only happen again', () => {
  expect(toEnding({ code: 1012, reason: 'Service restart' })).toBe('closed with 1012 Service restart')
  expect(toEnding({ code: 1006, reason: '' })).toBe('closed with 1006')
  expect(toEnding(new Event('error'))).toBe('no connection')
  expect(toEnding([{ message: 'away', extensions: { code: 'SERVICE_UNAVAILABLE' } }])).toBe('away')
  expect(toEnding({ code: 4403, reason: 'Forbidden' })).toBeInstanceOf(RequestError)
  expect(toEnding([{ message: 'There is no such job', extensions: { code: 'JOB_NOT_FOUND' } }])).toMatchObject({
    message: 'There is no such job',
    code: 'JOB_NOT_FOUND',
  })
})

test('a failure of the server is told with the id that stands in its log', () => {
  const extensions = { code: 'INTERNAL_SERVER_ERROR', errorId: '7f' }
  expect(toRequestError([{ message: 'Unexpected error.', extensions }]).message).toContain('in its log under 7f')
})

test('a call is made again only while its failure may pass', async () => {
  const failures = [new ConnectionError('gone'), new RequestError('away', 'SERVICE_UNAVAILABLE')]
  const told: string[] = []
  const options = {
    signal: new AbortController().signal,
    onRetry: ({ message }: Error) => told.push(message),
    pausesMs: [0, 0, 0],
  }
  const call = async () => {
    const failure = failures.shift()
    if (failure) throw failure
    return 'done'
  }
  expect([await withRetries(call, options), told]).toEqual(['done', ['gone', 'away']])
  expect(isPassing(new RequestError('no', 'BAD_USER_INPUT'))).toBe(false)
  await expect(withRetries(() => Promise.reject(new RequestError('no', null)), options)).rejects.toThrow('no')
})

test('a server is started only for plain HTTP on this machine', () => {
  expect(toLocalAddress('http://127.0.0.1:4000')).toEqual({ HOST: '127.0.0.1', PORT: '4000' })
  expect(toLocalAddress('http://[::1]')).toEqual({ HOST: '::1', PORT: '80' })
  expect(toLocalAddress('http://localhost:4000')).toEqual({ HOST: 'localhost', PORT: '4000' })
  for (const url of ['https://127.0.0.1:4000', 'http://example.com:4000', 'http://127.0.0.1:4000/behind'])
    expect(toLocalAddress(url)).toBeNull()
})
