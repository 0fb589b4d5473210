import { describe, expect, test } from 'vitest'
import {
  DomainError,
  FeedLaggedError,
  IdempotencyConflictError,
  InvalidArgumentError,
  InvalidInputError,
  JobNotFoundError,
  JobStateError,
  LimitExceededError,
  ServiceUnavailableError,
  StartError,
  shorten,
} from '../src/errors.ts'
import type { Job } from '../src/generated/prisma/client.ts'

const job = { id: '01890a5d-ac96-774b-bcce-b302099a8057', status: 'SUCCEEDED' } as Job
const issue = { path: ['input', 'fps'], code: 'TOO_SMALL', message: 'fps must be a whole number from 10 to 100.' }

/** The codes are part of the API: a client decides by them. */
test.each<[DomainError, string, string]>([
  [new InvalidInputError([issue]), 'InvalidInputError', 'INVALID_INPUT'],
  [new IdempotencyConflictError(job), 'IdempotencyConflictError', 'IDEMPOTENCY_CONFLICT'],
  [new JobNotFoundError(), 'JobNotFoundError', 'JOB_NOT_FOUND'],
  [new JobStateError(job, 'cancel'), 'JobStateError', 'JOB_STATE_CONFLICT'],
  [new LimitExceededError('Enough.', new Date(0)), 'LimitExceededError', 'LIMIT_EXCEEDED'],
  [new InvalidArgumentError('first', 'Too many.'), 'InvalidArgumentError', 'BAD_USER_INPUT'],
  [new ServiceUnavailableError('Later.'), 'ServiceUnavailableError', 'SERVICE_UNAVAILABLE'],
  [new FeedLaggedError(), 'FeedLaggedError', 'FEED_LAGGED'],
  [new StartError('Cannot start.'), 'StartError', 'START_FAILED'],
])('%s is a domain error with the name %s and the code %s', (error, name, code) => {
  expect(error).toBeInstanceOf(DomainError)
  expect(error).toBeInstanceOf(Error)
  expect({ name: error.name, code: error.code }).toEqual({ name, code })
  expect(error.message).not.toBe('')
})

describe('the message says what to do', () => {
  test('of one issue, and of many', () => {
    expect(new InvalidInputError([issue]).message).toBe(`The input has a problem: ${issue.message}`)
    const two = new InvalidInputError([issue, { ...issue, message: 'seed is too big.' }])
    expect(two.message).toBe(`The input has 2 problems: ${issue.message} seed is too big.`)
    expect(two.issues).toHaveLength(2)
  })

  test('of a job that cannot be canceled or retried now, with its state', () => {
    expect(new JobStateError(job, 'cancel').message).toContain('SUCCEEDED and has ended')
    expect(new JobStateError({ ...job, status: 'RUNNING' }, 'retry').message).toContain('RUNNING and has not ended')
  })
})

test('the error of an unavailable service keeps its cause for the operator', () => {
  const cause = new Error('connection refused')
  expect(new ServiceUnavailableError('Later.', { cause }).cause).toBe(cause)
})

test.each([
  ['abc', 3, 'abc'],
  ['abcd', 3, 'ab…'],
  ['a😀bc', 3, 'a…'],
])('%j in %i characters is %j', (text, maxLength, short) => {
  expect(shorten(text, maxLength)).toBe(short)
})
