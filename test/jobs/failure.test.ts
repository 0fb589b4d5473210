import { describe, expect, test } from 'vitest'
import { FalError, type FalErrorKind } from '../../src/adapters/fal/errors.ts'
import { createFailure, FAILURE_CODES, type FailureCode, readFailure, toFailure } from '../../src/jobs/failure.ts'
import { DEFAULT_MODEL } from '../../src/jobs/models.ts'

test.each<[FalErrorKind, FailureCode]>([
  ['auth', 'PROVIDER_AUTH'],
  ['rejected', 'INPUT_REJECTED'],
  ['not-found', 'RESULT_EXPIRED'],
  ['rate-limited', 'PROVIDER_UNAVAILABLE'],
  ['not-sent', 'PROVIDER_UNAVAILABLE'],
  ['unavailable', 'PROVIDER_ERROR'],
  ['interrupted', 'PROVIDER_UNAVAILABLE'],
  ['unreadable', 'PROVIDER_ERROR'],
])('an error of the kind %s without a type is %s', (kind, code) => {
  expect(toFailure(DEFAULT_MODEL, new FalError(kind, 'fal said no'))).toEqual(createFailure(code, 'fal said no'))
})

test.each<[string, FailureCode]>([
  ['content_policy_violation', 'CONTENT_POLICY'],
  ['file_download_error', 'INPUT_UNREACHABLE'],
  ['image_load_error', 'INPUT_UNREACHABLE'],
  ['generation_timeout', 'PROVIDER_TIMEOUT'],
  ['request_timeout', 'PROVIDER_TIMEOUT'],
  ['startup_timeout', 'PROVIDER_TIMEOUT'],
  ['downstream_service_unavailable', 'PROVIDER_UNAVAILABLE'],
  ['runner_scheduling_failure', 'PROVIDER_UNAVAILABLE'],
  ['runner_connection_timeout', 'PROVIDER_UNAVAILABLE'],
  ['runner_connection_refused', 'PROVIDER_UNAVAILABLE'],
  ['runner_connection_error', 'PROVIDER_UNAVAILABLE'],
  ['runner_disconnected', 'PROVIDER_UNAVAILABLE'],
])('fal’s %s is %s, whatever the HTTP status', (errorType, code) => {
  for (const kind of ['rejected', 'unavailable'] as const)
    expect(toFailure(DEFAULT_MODEL, new FalError(kind, 'no', { errorType }))).toMatchObject({
      code,
      providerCode: errorType,
    })
})

test.each(['invented_by_fal_tomorrow', 'toString', '__proto__'])(
  'an unknown type, %s, is kept, and the kind decides',
  (errorType) => {
    expect(toFailure(DEFAULT_MODEL, new FalError('rejected', 'no', { errorType }))).toMatchObject({
      code: 'INPUT_REJECTED',
      providerCode: errorType,
    })
  },
)

test('a known error type of an issue wins over an unknown type of the response', () => {
  const issues = [{ path: ['body', 'image_url'], code: 'image_load_error', message: 'no image' }]
  expect(toFailure(DEFAULT_MODEL, new FalError('rejected', 'no', { errorType: 'bad_request', issues }))).toMatchObject({
    code: 'INPUT_UNREACHABLE',
    providerCode: 'image_load_error',
  })
})

test.each([
  [
    ['body', 'image_url'],
    ['input', 'imageUrl'],
  ],
  [['motion_bucket_id'], ['input', 'motionBucketId']],
  [
    ['body', 'cond_aug'],
    ['input', 'condAug'],
  ],
  [
    ['body', 'unheard_of', '0'],
    ['input', 'unheard_of', '0'],
  ],
  [[], ['input']],
])('fal’s path %j is ours as %j', (path, ours) => {
  const failure = toFailure(
    DEFAULT_MODEL,
    new FalError('rejected', 'no', { issues: [{ path, code: 'less_than', message: 'too big' }] }),
  )
  expect(failure.issues).toEqual([{ path: ours, code: 'less_than', message: 'too big' }])
})

test('every failure is retryable except a rejected input', () => {
  const hopeless = FAILURE_CODES.filter((code) => !createFailure(code, 'no').retryable)
  expect([...hopeless].sort()).toEqual(['CONTENT_POLICY', 'INPUT_REJECTED'])
})

describe('a stored failure', () => {
  test.each(FAILURE_CODES)('%s is read as it was written', (code) => {
    const failure = createFailure(code, 'no', {
      issues: [{ path: ['input', 'fps'], code: 'X', message: 'y' }],
      providerCode: 'z',
    })
    expect(readFailure({ failure: JSON.parse(JSON.stringify(failure)) })).toEqual(failure)
  })

  test('is null while the job has not failed', () => {
    expect(readFailure({ failure: null })).toBeNull()
  })

  test('that does not parse is an error', () => {
    expect(() => readFailure({ failure: { code: 'UNHEARD_OF' } })).toThrow()
  })
})
