import { describe, expect, test } from 'vitest'
import { type FalError, toFalError, toRetryAfterMs } from '../../../src/adapters/fal/errors.ts'
import { createFalHosts } from '../../../src/adapters/fal/hosts.ts'
import { wasNeverSent } from '../../../src/adapters/fal/request.ts'
import { readResult, readStatus, readSubmitted } from '../../../src/adapters/fal/response.ts'
import type { FalResponse } from '../../../src/adapters/fal/types.ts'

function answer(json: unknown): FalResponse {
  return {
    status: 200,
    text: JSON.stringify(json),
    complete: true,
    errorType: null,
    retryAfterMs: null,
    key: 'id:secret-part',
  }
}

describe('a status', () => {
  test('that is unknown counts as running', () => {
    expect(readStatus(answer({ status: 'MOVING', logs: null }))).toEqual({ state: 'IN_PROGRESS', logs: [] })
  })

  test('that is too long, with a log that was not requested, is still read', () => {
    const cut = (text: string) => ({ ...answer({}), text, complete: false })
    const completed = '{"request_id":"a", "status": "COMPLETED","logs":[{"message":"xxxx'
    expect(readStatus(cut(completed), { logs: false })).toMatchObject({ state: 'COMPLETED', logs: [] })
    expect(() => readStatus(cut(completed))).toThrow('too long')
    // A status after the log, or inside it, is not read.
    for (const text of ['{"logs":[{"message":"xx', '{"logs":[{"status":"COMPLETED","message":"xx'])
      expect(() => readStatus(cut(text), { logs: false })).toThrow('too long')
  })

  test('has a position only when it is a valid one', () => {
    for (const queue_position of [undefined, null, -1, 1.5, '3', 2_147_483_648]) {
      expect(readStatus(answer({ status: 'IN_QUEUE', queue_position }))).toMatchObject({ position: null })
    }
    for (const queue_position of [0, 12_654, 2_147_483_647]) {
      expect(readStatus(answer({ status: 'IN_QUEUE', queue_position }))).toMatchObject({ position: queue_position })
    }
  })

  test('that is completed reports whether and why the request failed', () => {
    const failed = (rest: object) => readStatus(answer({ status: 'COMPLETED', ...rest }))
    expect(failed({})).toEqual({ state: 'COMPLETED', error: null, errorType: null, logs: [] })
    expect(failed({ error: null, error_type: null })).toMatchObject({ error: null, errorType: null })
    expect(failed({ error: 'No\0pe secret-part', error_type: 'runner_server_error' })).toMatchObject({
      error: 'Nope [redacted]',
      errorType: 'runner_server_error',
    })
    expect(failed({ error: { code: 7 } })).toMatchObject({ error: 'fal reported a failure without a reason' })
    expect(failed({ error: 'x'.repeat(10_000) })).toMatchObject({ error: expect.stringMatching(/^x{499}…$/) })
  })

  test.each(['CANCELLED', 'CANCELED', 'Cancelled'])('of %s counts as completed with client_cancelled', (status) => {
    expect(readStatus(answer({ status }))).toEqual({
      state: 'COMPLETED',
      error: null,
      errorType: 'client_cancelled',
      logs: [],
    })
    expect(readStatus(answer({ status, error: 'Gone', error_type: 'request_timeout' }))).toMatchObject({
      error: 'Gone',
      errorType: 'request_timeout',
    })
  })

  test.each([
    [undefined, 'INFO'],
    ['STDOUT', 'INFO'],
    ['STDERR', 'INFO'],
    ['whatever', 'INFO'],
    ['debug', 'DEBUG'],
    ['WARNING', 'WARN'],
    ['WARN', 'WARN'],
    ['ERROR', 'ERROR'],
    ['CRITICAL', 'ERROR'],
    [4, 'INFO'],
  ])('has a line of level %s at level %s', (level, expected) => {
    expect(readStatus(answer({ status: 'IN_PROGRESS', logs: [{ message: 'm', level }] })).logs).toEqual([
      { message: 'm', level: expected, at: null },
    ])
  })

  test.each([
    ['2024-12-20T15:37:17.120314', '2024-12-20T15:37:17.120Z'],
    ['2024-12-20 15:37:17', '2024-12-20T15:37:17.000Z'],
    ['2024-12-20T15:37:17Z', '2024-12-20T15:37:17.000Z'],
    ['2024-12-20T15:37:17+02:00', '2024-12-20T13:37:17.000Z'],
  ])('reads the time %s as %s wherever it runs', (timestamp, expected) => {
    const [line] = readStatus(answer({ status: 'IN_PROGRESS', logs: [{ message: 'm', timestamp }] })).logs
    expect(line?.at?.toISOString()).toBe(expected)
  })

  test('keeps the readable lines of a malformed log', () => {
    const logs = [
      'text',
      null,
      5,
      {},
      { message: 5 },
      { message: 'a\0b\ud800', timestamp: 'yesterday' },
      { message: '' },
    ]
    expect(readStatus(answer({ status: 'COMPLETED', logs })).logs.map(({ message, at }) => [message, at])).toEqual([
      ['text', null],
      ['ab\ufffd', null],
      ['', null],
    ])
    expect(readStatus(answer({ status: 'COMPLETED', logs: 'many' })).logs).toEqual([])
  })
})

test('NaN and Infinity are read as null, in a status and in a result, but not inside a string', () => {
  const text = '\uFEFF{"status":"COMPLETED","x":[NaN, -Infinity,Infinity],"y":"NaN \\" Infinity","NaN":NaN}'
  expect(readStatus({ ...answer(null), text })).toMatchObject({ state: 'COMPLETED' })
  expect(readResult({ ...answer(null), text })).toEqual({
    status: 'COMPLETED',
    x: [null, null, null],
    y: 'NaN " Infinity',
    NaN: null,
  })
  for (const odd of ['{"a":NaNa}', '{"a":"NaN}', '{"a":-}', "{'a':NaN}", 'NaN,', '{"a":\\'])
    expect(() => readResult({ ...answer(null), text: odd })).toThrow('not valid JSON')
})

test("the error of an unreadable result contains it up to the parser's limit, without the key", () => {
  const bodyOf = (text: string) => {
    try {
      return readResult({ ...answer(null), text })
    } catch (error) {
      return (error as FalError).body
    }
  }
  const odd = `{'video':{'url':'https://fal.media/${'a'.repeat(100_000)}'}}`
  expect(bodyOf(odd)).toBe(odd)
  expect(bodyOf('{"a":secret-part\0}')).toBe('{"a":[redacted]}')
  expect(String(bodyOf('x'.repeat(1024 * 1024))).length).toBe(192 * 1024)
})

test('the key is redacted from every field of a response, in every form', () => {
  const secret = 'secret-part'
  const forms = [secret, secret.toUpperCase(), 'secret\u200b-part', encodeURIComponent(`id:${secret}`), btoa(secret)]
  for (const form of forms) {
    const { logs } = readStatus(answer({ status: 'IN_PROGRESS', logs: [`key ${form}`, { message: form }] }))
    const result = readResult(
      answer({ video: { url: `https://fal.media/${form}`, content_type: form, file_name: form } }),
    )
    const failed = toFalError({
      ...answer({ detail: [{ loc: ['body', form], msg: form, type: form }], error_type: form }),
      status: 422,
      errorType: form,
    })
    const page = toFalError({ ...answer(null), text: `<p>${form}</p>`, status: 502 })
    expect(logs).toHaveLength(2)
    expect(result).toMatchObject({ video: { url: expect.stringContaining('[redacted]') } })
    expect(failed.issues).toHaveLength(1)
    for (const shown of [logs, result, { ...failed, message: failed.message }, page.body])
      expect(JSON.stringify(shown)).not.toContain(form)
  }
  expect(() => readSubmitted(answer({ request_id: `a-${secret}` }))).toThrow('has no valid request ID')
})

test('Retry-After is read in both forms, up to a day', () => {
  const now = Date.parse('2026-11-22T10:00:00Z')
  expect(toRetryAfterMs('120', now)).toBe(120_000)
  expect(toRetryAfterMs('0', now)).toBe(0)
  expect(toRetryAfterMs('Sun, 22 Nov 2026 10:00:30 GMT', now)).toBe(30_000)
  expect(toRetryAfterMs('Sun, 22 Nov 2026 09:00:00 GMT', now)).toBe(0)
  expect(toRetryAfterMs('99999999999', now)).toBe(86_400_000)
  for (const odd of [null, '', '-5', '1.5', 'soon', 'soon GMT']) expect(toRetryAfterMs(odd, now)).toBeNull()
})

test('only connection failures count as never sent', () => {
  const failure = (code: string, syscall?: string) => Object.assign(new Error(code), { code, syscall })
  const wrap = (cause: unknown) => new TypeError('fetch failed', { cause })
  for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']) {
    expect(wasNeverSent(wrap(failure(code)))).toBe(true)
  }
  for (const code of ['EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT']) {
    expect(wasNeverSent(wrap(failure(code, 'connect')))).toBe(true)
    expect(wasNeverSent(wrap(failure(code, 'read')))).toBe(false)
  }
  for (const code of ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT']) {
    expect(wasNeverSent(wrap(failure(code)))).toBe(false)
  }
  const refused = failure('ECONNREFUSED', 'connect')
  expect(wasNeverSent(wrap(new AggregateError([refused, failure('ETIMEDOUT', 'connect')])))).toBe(true)
  expect(wasNeverSent(wrap(new AggregateError([refused, failure('ECONNRESET', 'read')])))).toBe(false)
})

describe('the hosts', () => {
  const hosts = createFalHosts({
    queueUrl: 'http://localhost:9001/queue/',
    restUrl: 'https://rest.test',
    mediaHosts: ['fal.media', '*.FAL.media'],
  })

  test.each([
    ['https://queue.fal.run/a/b/requests/1?logs=1', 'http://localhost:9001/queue/a/b/requests/1?logs=1'],
    ['https://rest.alpha.fal.ai/x', 'https://rest.test/x'],
    [
      'https://rest.fal.ai/storage/upload/initiate',
      'https://rest.test/storage/upload/initiate?storage_type=fal-cdn-v3',
    ],
    ['http://queue.fal.run/a/b', null],
    ['https://queue.fal.run:444/a/b', null],
    ['https://fal.run/a/b', null],
    ['https://evilfal.run/a/b', null],
    ['https://constructor/a', null],
  ])('send %s to %s', (url, target) => {
    expect(hosts.toGatewayUrl(url)).toBe(target)
  })

  test.each([
    ['https://fal.media/a.mp4', true],
    ['https://v3b.fal.media/files/a.mp4?x#y', true],
    ['HTTPS://V3.FAL.MEDIA/a', true],
    ['http://localhost:1234/a', true],
    ['https://rest.test:8443/a', true],
    ['https://evilfal.media/a', false],
    ['https://fal.media.evil.test/a', false],
    ['https://fal.media@evil.test/a', false],
    ['https://user@fal.media/a', false],
    ['https://:pw@fal.media/a', false],
    ['https://evil.test\\@fal.media/a', false],
    [' https://fal.media/a', false],
    ['https://fal.media/a\nb', false],
    ['https://fal.media./a', false],
    ['ftp://fal.media/a', false],
    ['javascript://fal.media/%0aalert(1)', false],
    ['data:video/mp4;base64,AAAA', false],
    ['//fal.media/a', false],
    ['', false],
  ])('let %j be media: %s', (url, expected) => {
    expect(hosts.isMediaUrl(url)).toBe(expected)
  })

  test.each([
    ['https://v3b.fal.media/files/upload/1?sig=2', true],
    ['https://rest.fal.ai/storage/1', true],
    ['https://fal.run/1', true],
    ['http://127.0.0.1:1234/put', true],
    ['https://rest.test/put', true],
    ['https://evilfal.ai/put', false],
    ['https://fal.ai.evil.test/put', false],
    ['https://storage.test/put', false],
    ['http://0.0.0.0/put', false],
    ['http://169.254.169.254/latest', false],
    ['file:///put', false],
  ])('let images be sent to %j: %s', (url, expected) => {
    expect(hosts.isUploadUrl(url)).toBe(expected)
  })

  test.each(['localhost', '127.0.0.1', '[::1]'])('accept every loopback name when a base URL is at %s', (name) => {
    const local = createFalHosts({ queueUrl: `http://${name}:9001`, restUrl: 'https://rest.test', mediaHosts: [] })
    for (const other of ['localhost', '127.0.0.1', '[::1]']) {
      expect(local.isMediaUrl(`http://${other}:1234/a.mp4`)).toBe(true)
    }
    expect(local.isMediaUrl('http://127.0.0.2/a.mp4')).toBe(false)
    expect(local.isMediaUrl('http://localhost.evil.test/a.mp4')).toBe(false)
  })

  test('refuse loopback names when no base URL is local', () => {
    const remote = createFalHosts({ queueUrl: 'https://queue.test', restUrl: 'https://rest.test', mediaHosts: [] })
    for (const name of ['localhost', '127.0.0.1', '[::1]']) expect(remote.isMediaUrl(`http://${name}/a`)).toBe(false)
  })

  test('refuse an invalid base URL without repeating it', () => {
    for (const queueUrl of [
      'nonsense',
      'ftp://x.test',
      'http://u:hush@x.test',
      'http://x.test/?hush',
      'http://x.test/#hush',
    ]) {
      const create = () => createFalHosts({ queueUrl, restUrl: 'https://rest.test', mediaHosts: [] })
      expect(create).toThrow(/queueUrl must be/)
      expect(create).not.toThrow(/hush/)
    }
  })
})
