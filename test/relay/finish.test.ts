import { describe, expect, test } from 'vitest'
import { createFal } from '../../src/adapters/fal/client.ts'
import { FalError, type FalErrorDetails, type FalErrorKind } from '../../src/adapters/fal/errors.ts'
import { DEFAULT_MODEL } from '../../src/jobs/models.ts'
import { judgeResult, toEnding } from '../../src/relay/finish.ts'
import { createWakeUp } from '../../src/relay/wake-up.ts'

const KINDS: FalErrorKind[] = [
  'auth',
  'not-found',
  'rejected',
  'rate-limited',
  'not-sent',
  'unavailable',
  'interrupted',
  'unreadable',
]

interface Case extends FalErrorDetails {
  kind: FalErrorKind
  /** The error of the status, and its type. */
  error?: string | null
  completedType?: string | null
  canceled?: boolean
  waitedMs?: number
}

const MINUTE_MS = 60_000

function judge({ kind, error = null, completedType = null, canceled = false, waitedMs = 0, ...details }: Case) {
  const completed = { state: 'COMPLETED' as const, error, errorType: completedType, logs: [] }
  return judgeResult(DEFAULT_MODEL, { completed, canceled }, new FalError(kind, 'the call failed', details), waitedMs)
}

describe('the failed call for a result of a request that fal completed without an error', () => {
  test.each(KINDS)('is repeated after %s', (kind) => {
    expect(judge({ kind })).toBe('retry')
  })

  test.each(KINDS.filter((kind) => kind !== 'rejected' && kind !== 'not-found'))(
    'is repeated after %s as long as fal may keep the result',
    (kind) => {
      expect(judge({ kind, waitedMs: 59 * MINUTE_MS })).toBe('retry')
    },
  )

  test('fails the job when fal keeps refusing, at once with an error type', () => {
    const refused = { status: 'FAILED', failure: { code: 'INPUT_REJECTED' } }
    expect(judge({ kind: 'rejected', waitedMs: MINUTE_MS })).toMatchObject(refused)
    expect(judge({ kind: 'rejected', errorType: 'bad_request' })).toMatchObject(refused)
  })

  test('means an expired result when fal keeps answering 404', () => {
    expect(judge({ kind: 'not-found', waitedMs: MINUTE_MS })).toMatchObject({
      status: 'FAILED',
      failure: { code: 'RESULT_EXPIRED', retryable: true },
    })
  })

  test('ends a canceled request after a short grace period', () => {
    for (const kind of ['rejected', 'not-found'] as const) {
      // The video may have been made all the same.
      expect(judge({ kind, canceled: true })).toBe('retry')
      expect(judge({ kind, canceled: true, waitedMs: 3_000 })).toEqual({ status: 'CANCELED' })
    }
    expect(judge({ kind: 'unavailable', canceled: true })).toBe('retry')
  })

  test.each([
    ['auth', 'PROVIDER_AUTH'],
    ['not-found', 'RESULT_EXPIRED'],
    ['rate-limited', 'PROVIDER_UNAVAILABLE'],
    ['not-sent', 'PROVIDER_UNAVAILABLE'],
    ['unavailable', 'PROVIDER_ERROR'],
    ['interrupted', 'PROVIDER_UNAVAILABLE'],
    ['unreadable', 'RESULT_REFUSED'],
  ] as const)('after %s is given up after an hour, as %s that can be retried', (kind, code) => {
    expect(judge({ kind, waitedMs: 60 * MINUTE_MS })).toMatchObject({
      status: 'FAILED',
      failure: { code, retryable: true },
      // Unless fal itself reports the result as gone, a retry continues with the request and pays for no other.
      ...(kind !== 'not-found' && { kept: { text: null } }),
    })
  })

  test('keeps the answer when it cannot be read, or is the error page of a proxy', () => {
    for (const kind of ['unreadable', 'not-found', 'rejected'] as const) {
      expect(judge({ kind, body: '<html>', waitedMs: 59 * MINUTE_MS })).toBe('retry')
      expect(judge({ kind, body: '<html>', waitedMs: 60 * MINUTE_MS })).toMatchObject({
        status: 'FAILED',
        failure: { code: 'RESULT_REFUSED', retryable: true },
        kept: { text: '<html>' },
      })
    }
  })
})

describe('an answer that was billed', () => {
  const context = {
    claim: { jobId: 'the-job', number: 1, isTakeover: false },
    wakeUp: createWakeUp(),
    signal: new AbortController().signal,
  }
  const fal = createFal({ queueUrl: 'http://127.0.0.1', restUrl: 'http://127.0.0.1', mediaHosts: ['*.fal.media'] })

  function take(answer: unknown) {
    const reported: { message: string; jobId: string | undefined }[] = []
    const onError = (error: unknown, { jobId }: { jobId?: string }) =>
      reported.push({ message: error instanceof FalError ? error.message : String(error), jobId })
    return { ending: toEnding({ fal, onError }, context, DEFAULT_MODEL, answer), reported }
  }

  test('of a host that is not allowed is kept, and the operator’s report names the host to add', () => {
    const answer = { video: { url: 'https://storage.googleapis.com/falserverless/out.mp4' }, seed: 1 }
    const { ending, reported } = take(answer)
    expect(ending).toMatchObject({
      status: 'FAILED',
      failure: { code: 'RESULT_REFUSED', retryable: true, message: expect.stringContaining('storage.googleapis.com') },
      kept: { text: JSON.stringify(answer) },
    })
    expect(reported).toEqual([
      { message: expect.stringContaining('add storage.googleapis.com to FAL_MEDIA_HOSTS'), jobId: 'the-job' },
    ])
  })

  test.each([
    ['no video', {}, /no video/],
    ['one that is no URL', { video: { url: 'clip.mp4' } }, /no video/],
    ['one that cannot be fetched', { video: { url: 'file:///etc/passwd' } }, /no video/],
    ['one with a password in it', { video: { url: 'https://a:b@v3.fal.media/a.mp4' } }, /password/],
    ['a host without an end', { video: { url: `https://${'a.'.repeat(20_000)}test/a.mp4` } }, /a\.a\./],
  ])('with %s is kept, in words that fit', (_what, answer, words) => {
    const { ending, reported } = take(answer)
    expect(ending).toMatchObject({
      failure: { message: expect.stringMatching(words) },
      kept: { text: JSON.stringify(answer) },
    })
    expect(reported).toHaveLength(1)
    for (const text of [reported[0]?.message, ending.status === 'FAILED' ? ending.failure.message : ''])
      expect(text?.length).toBeLessThanOrEqual(500)
  })

  test.each([
    ['https://v3.fal.media/my video.mp4', 'https://v3.fal.media/my%20video.mp4'],
    [' https://V3.FAL.media/a.mp4\n', 'https://v3.fal.media/a.mp4'],
    ['https://v3.fal.media\\a.mp4', 'https://v3.fal.media/a.mp4'],
    ['https://v3.fal.media:443/ü.mp4', 'https://v3.fal.media/%C3%BC.mp4'],
  ])('at %j is a video at %s', (url, read) => {
    expect(take({ video: { url } })).toMatchObject({
      ending: { status: 'SUCCEEDED', video: { url: read } },
      reported: [],
    })
  })

  test('nested too deeply to be serialized is refused without a text', () => {
    const answer = JSON.parse(`${'['.repeat(90_000)}${']'.repeat(90_000)}`)
    expect(take(answer).ending).toMatchObject({ failure: { code: 'RESULT_REFUSED' }, kept: { text: null } })
  })
})

describe('for a request that failed at fal', () => {
  test.each(KINDS.filter((kind) => kind !== 'rejected'))(
    'fal’s failure is the job’s, not the failed call for the result (%s)',
    (kind) => {
      for (const waitedMs of [0, 60 * MINUTE_MS])
        expect(
          judge({ kind, waitedMs, error: 'CUDA out of memory', completedType: 'runner_disconnected' }),
        ).toMatchObject({
          status: 'FAILED',
          failure: { code: 'PROVIDER_UNAVAILABLE', message: 'CUDA out of memory', providerCode: 'runner_disconnected' },
        })
    },
  )

  test('an error type alone is a failure, and its message names the type', () => {
    expect(judge({ kind: 'unavailable', completedType: 'internal_error' })).toMatchObject({
      status: 'FAILED',
      failure: {
        code: 'PROVIDER_ERROR',
        message: expect.stringContaining('internal_error'),
        providerCode: 'internal_error',
      },
    })
  })

  test('an error alone is a failure', () => {
    expect(judge({ kind: 'interrupted', error: 'it broke' })).toMatchObject({
      status: 'FAILED',
      failure: { code: 'PROVIDER_ERROR', message: 'it broke', providerCode: null },
    })
  })

  test('the refusal of the result has more detail than the status', () => {
    const failure = judge({ kind: 'rejected', error: 'failed', errorType: 'image_load_error' })
    expect(failure).toMatchObject({
      status: 'FAILED',
      failure: { code: 'INPUT_UNREACHABLE', message: 'the call failed' },
    })
  })
})

test.each(KINDS)('issues are the model’s failure, whatever the kind of the call’s (%s)', (kind) => {
  const issues = [{ path: ['body', 'image_url'], code: 'content_policy_violation', message: 'not this' }]
  for (const error of [null, 'failed'])
    expect(judge({ kind, error, issues, errorType: 'content_policy_violation' })).toMatchObject({
      status: 'FAILED',
      failure: {
        code: 'CONTENT_POLICY',
        retryable: false,
        issues: [{ path: ['input', 'imageUrl'], message: 'not this' }],
      },
    })
})

test.each(KINDS)('a request that was canceled at fal is CANCELED, whatever the kind of answer (%s)', (kind) => {
  expect(judge({ kind, errorType: 'client_cancelled' })).toEqual({ status: 'CANCELED' })
  expect(judge({ kind, errorType: 'client_cancelled', error: 'canceled', waitedMs: 60 * MINUTE_MS })).toEqual({
    status: 'CANCELED',
  })
})
