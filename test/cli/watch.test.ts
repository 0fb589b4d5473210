import { expect, test } from 'vitest'
import { isPassing, toRequestError, withRetries } from '../../cli/client.ts'
import { CommandError, ConnectionError, RequestError } from '../../cli/errors.ts'
import { toLocalAddress } from '../../cli/server.ts'
import { watchJob } from '../../cli/watch.ts'
import { findRefusedUrl } from '../helpers/recording-server.ts'

test('a server that is not heard of is given up after some time, and not before', async () => {
  const reasons: string[] = []
  const watching = watchJob({
    url: await findRefusedUrl(),
    jobId: 'x',
    signal: new AbortController().signal,
    patienceMs: 500,
    onUpdate: () => {},
    onLost: (reason) => reasons.push(reason),
    onFound: () => {},
  })
  const failure: unknown = await watching.catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(CommandError)
  expect(failure).toMatchObject({ message: 'the server is no longer there: closed with 1006' })
  expect(reasons.length).toBeGreaterThan(0)
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
