import { expect, test } from 'vitest'
import { toCommandError } from '../../cli/api.ts'
import { CommandError, RetryableError } from '../../cli/errors.ts'
import { withRetries } from '../../cli/retry.ts'
import { toLocalAddress } from '../../cli/server.ts'
import { watchJob } from '../../cli/watch.ts'
import { createReelayClient, ReelayRequestError } from '../../client/core/reelay-client.ts'
import { findRefusedUrl } from '../helpers/recording-server.ts'

test('a watch gives up on an unreachable server after its longest wait', async () => {
  const reasons: string[] = []
  const client = createReelayClient({ url: `${await findRefusedUrl()}/graphql` })
  const watching = watchJob({
    client,
    jobId: 'x',
    signal: new AbortController().signal,
    maxWaitMs: 500,
    onUpdate: () => {},
    onDisconnect: (reason) => reasons.push(reason),
    onReconnect: () => {},
  })
  const failure: unknown = await watching.catch((error: unknown) => error)
  await client.close()
  expect(failure).toBeInstanceOf(CommandError)
  expect(failure).toMatchObject({ message: 'lost contact with the server: closed with 1006' })
  expect(reasons.length).toBeGreaterThan(0)
})

test('an internal server error is reported with its error id', () => {
  const extensions = { code: 'INTERNAL_SERVER_ERROR', errorId: '7f' }
  const error = new ReelayRequestError('', { status: 200, errors: [{ message: 'Unexpected error.', extensions }] })
  expect(toCommandError(error, 'http://server').message).toBe('internal server error; see error id 7f in its log')
})

test('only retryable failures are retried', async () => {
  const failures = [new RetryableError('no connection'), new RetryableError('unavailable')]
  const retried: string[] = []
  const options = {
    signal: new AbortController().signal,
    onRetry: ({ message }: Error) => retried.push(message),
    pausesMs: [0, 0, 0],
  }
  const call = async () => {
    const failure = failures.shift()
    if (failure) throw failure
    return 'done'
  }
  expect([await withRetries(call, options), retried]).toEqual(['done', ['no connection', 'unavailable']])
  await expect(withRetries(() => Promise.reject(new CommandError('no')), options)).rejects.toThrow('no')
})

test('a lost connection, an unavailable server and a load balancer without one are retryable', () => {
  const isRetryable = (status: number, code?: string) => {
    const errors = code === undefined ? [] : [{ message: code, extensions: { code } }]
    return toCommandError(new ReelayRequestError('', { status, errors }), 'http://server') instanceof RetryableError
  }
  expect([isRetryable(0), isRetryable(503), isRetryable(429)]).toEqual([true, true, true])
  expect([isRetryable(503, 'SERVICE_UNAVAILABLE'), isRetryable(200, 'RATE_LIMITED')]).toEqual([true, true])
  expect([isRetryable(404), isRetryable(200, 'BAD_USER_INPUT'), isRetryable(500, 'X')]).toEqual([false, false, false])
})

test('a server is started only for plain HTTP on a loopback address', () => {
  expect(toLocalAddress('http://127.0.0.1:4000')).toEqual({ HOST: '127.0.0.1', PORT: '4000' })
  expect(toLocalAddress('http://[::1]')).toEqual({ HOST: '::1', PORT: '80' })
  expect(toLocalAddress('http://localhost:4000')).toEqual({ HOST: 'localhost', PORT: '4000' })
  for (const url of ['https://127.0.0.1:4000', 'http://example.com:4000', 'http://127.0.0.1:4000/behind'])
    expect(toLocalAddress(url)).toBeNull()
})
