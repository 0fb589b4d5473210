import {
  type DomainError,
  IdempotencyConflictError,
  type InputIssue as InputIssueShape,
  InvalidInputError,
  JobNotFoundError,
  JobStateError,
  LimitExceededError,
} from '../errors.ts'
import { builder, describedEnum } from './builder.ts'
import { Job } from './job.ts'

const CODE_DESCRIPTION = 'The kind of an error. New codes may be added: fall back to `message`.'

const UserErrorCode = describedEnum('UserErrorCode', CODE_DESCRIPTION, {
  INVALID_INPUT: 'The input is invalid and must be corrected.',
  IDEMPOTENCY_CONFLICT: 'The idempotency key was used with a different input. Use another key.',
  JOB_NOT_FOUND: 'The job does not exist or is not yours.',
  JOB_STATE_CONFLICT: 'The status of the job does not allow this operation.',
  LIMIT_EXCEEDED: 'Reserved: a limit is reached, try again later. Callers have no limits yet.',
})
type Code = (typeof UserErrorCode)['$inferType']

const UserError = builder.interfaceRef<DomainError & { code: Code }>('UserError').implement({
  description:
    'An error that the caller can act on. Select `... on UserError { code message }` to handle errors that are added later.',
  fields: (t) => ({
    code: t.expose('code', { type: UserErrorCode, description: 'The kind of the error.' }),
    message: t.exposeString('message', {
      description: 'What was expected, what was received and what to do, in English.',
    }),
  }),
})

export const InputIssue = builder.objectRef<InputIssueShape>('InputIssue').implement({
  description: 'One problem with an input.',
  fields: (t) => ({
    path: t.exposeStringList('path', {
      description: 'The path to the field, starting at the argument, for example ["input", "motionBucketId"].',
    }),
    code: t.exposeString('code', { description: 'The name of the broken rule, for programs.' }),
    message: t.exposeString('message', { description: 'What was expected, in English.' }),
  }),
})

builder.objectType(InvalidInputError, {
  name: 'InvalidInputError',
  description: 'The input is invalid.',
  interfaces: [UserError],
  fields: (t) => ({
    issues: t.expose('issues', {
      type: [InputIssue],
      description: 'Every problem with the input, not only the first.',
    }),
  }),
})

builder.objectType(IdempotencyConflictError, {
  name: 'IdempotencyConflictError',
  description: 'The idempotency key was already used with a different input.',
  interfaces: [UserError],
  fields: (t) => ({
    job: t.expose('job', { type: Job, description: 'The job that was created with the key.' }),
  }),
})

builder.objectType(JobNotFoundError, {
  name: 'JobNotFoundError',
  description: 'The job does not exist or belongs to another owner; the two are indistinguishable.',
  interfaces: [UserError],
})

builder.objectType(JobStateError, {
  name: 'JobStateError',
  description: 'The status of the job does not allow this operation.',
  interfaces: [UserError],
  fields: (t) => ({
    job: t.expose('job', { type: Job, description: 'The current state of the job.' }),
  }),
})

builder.objectType(LimitExceededError, {
  name: 'LimitExceededError',
  description: 'Reserved: a limit is reached. Callers have no limits yet.',
  interfaces: [UserError],
  fields: (t) => ({
    retryAt: t.expose('retryAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When to try again. Null when unknown.',
    }),
  }),
})
