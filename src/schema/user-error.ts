import {
  type DomainError,
  IdempotencyConflictError,
  type InputIssue as InputIssueShape,
  InvalidInputError,
  JobNotFoundError,
  JobStateError,
  LimitExceededError,
} from '../errors.ts'
import { builder } from './builder.ts'
import { Job } from './job.ts'

const UserErrorCode = builder.enumType('UserErrorCode', {
  description: 'What kind of error it is. More may come.',
  values: {
    INVALID_INPUT: { description: 'The input breaks its rules: correct it.' },
    IDEMPOTENCY_CONFLICT: { description: 'The idempotency key was used with another input: use another key.' },
    JOB_NOT_FOUND: { description: 'There is no such job that you may see.' },
    JOB_STATE_CONFLICT: { description: 'The job is in a state in which this cannot be done.' },
    LIMIT_EXCEEDED: {
      description: 'Reserved: a limit has been reached, come back later. There are no limits for callers yet.',
    },
  } as const,
})
type Code = (typeof UserErrorCode)['$inferType']

const UserError = builder.interfaceRef<DomainError & { code: Code }>('UserError').implement({
  description:
    'An error that a caller can act on. Select `... on UserError { code message }` and unions may grow without breaking you.',
  fields: (t) => ({
    code: t.field({ type: UserErrorCode, description: 'What kind of error it is.', resolve: (error) => error.code }),
    message: t.exposeString('message', { description: 'What was expected, what came, and what to do; in English.' }),
  }),
})

export const InputIssue = builder.objectRef<InputIssueShape>('InputIssue').implement({
  description: 'One thing that is wrong with an input.',
  fields: (t) => ({
    path: t.exposeStringList('path', {
      description: 'Where, from the argument down: e.g. ["input","motionBucketId"].',
    }),
    code: t.exposeString('code', { description: 'Which rule it breaks.' }),
    message: t.exposeString('message', { description: 'What was expected; in English.' }),
  }),
})

builder.objectType(InvalidInputError, {
  name: 'InvalidInputError',
  description: 'The input breaks its rules.',
  interfaces: [UserError],
  fields: (t) => ({
    issues: t.field({
      type: [InputIssue],
      description: 'Every issue of the request at once, not only the first.',
      resolve: (error) => error.issues,
    }),
  }),
})

builder.objectType(IdempotencyConflictError, {
  name: 'IdempotencyConflictError',
  description: 'The key was used before with another input.',
  interfaces: [UserError],
  fields: (t) => ({
    job: t.field({ type: Job, description: 'The job that the key stands for.', resolve: (error) => error.job }),
  }),
})

builder.objectType(JobNotFoundError, {
  name: 'JobNotFoundError',
  description: 'There is no such job. Unknown and foreign ids look the same.',
  interfaces: [UserError],
})

builder.objectType(JobStateError, {
  name: 'JobStateError',
  description: 'The job is in a state in which this cannot be done.',
  interfaces: [UserError],
  fields: (t) => ({
    job: t.field({ type: Job, description: 'The job as it is now.', resolve: (error) => error.job }),
  }),
})

builder.objectType(LimitExceededError, {
  name: 'LimitExceededError',
  description: 'Reserved: a limit has been reached. There are no limits for callers yet.',
  interfaces: [UserError],
  fields: (t) => ({
    retryAt: t.expose('retryAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When to try again; null when that is not known.',
    }),
  }),
})
