import { z } from 'zod'
import type { FalError } from '../adapters/fal/errors.ts'
import type { Job } from '../generated/prisma/client.ts'
import type { Model } from './models.ts'

/** The failure codes, and whether a retry of the job may succeed. */
const RETRYABLE = {
  INPUT_REJECTED: false,
  INPUT_UNREACHABLE: true,
  CONTENT_POLICY: false,
  PROVIDER_AUTH: true,
  PROVIDER_TIMEOUT: true,
  PROVIDER_UNAVAILABLE: true,
  PROVIDER_ERROR: true,
  SUBMIT_UNKNOWN: true,
  RESULT_REFUSED: true,
  RESULT_EXPIRED: true,
  STORAGE_FAILED: true,
  INTERNAL: true,
}
export type FailureCode = keyof typeof RETRYABLE
export const FAILURE_CODES = Object.keys(RETRYABLE) as FailureCode[]

/** Why a job failed, as stored and returned by the API. */
const Failure = z.object({
  code: z.enum(FAILURE_CODES),
  message: z.string(),
  /** True when a retry of the job may succeed. */
  retryable: z.boolean(),
  /** The error type that fal reported. */
  providerCode: z.string().nullable(),
  issues: z.array(z.object({ path: z.array(z.string()), code: z.string(), message: z.string() })),
})
export type Failure = z.infer<typeof Failure>

/** Reads the failure from a job's row; null unless it FAILED. */
export function readFailure(job: Pick<Job, 'failure'>): Failure | null {
  return job.failure === null ? null : Failure.parse(job.failure)
}

export function createFailure(code: FailureCode, message: string, details: Partial<Failure> = {}): Failure {
  return { code, message, retryable: RETRYABLE[code], providerCode: null, issues: [], ...details }
}

/** Failure codes by fal's error types. @see https://docs.fal.ai/errors and https://docs.fal.ai/request-errors */
const BY_TYPE: Record<string, FailureCode> = {
  content_policy_violation: 'CONTENT_POLICY',
  file_download_error: 'INPUT_UNREACHABLE',
  image_load_error: 'INPUT_UNREACHABLE',
  generation_timeout: 'PROVIDER_TIMEOUT',
  request_timeout: 'PROVIDER_TIMEOUT',
  startup_timeout: 'PROVIDER_TIMEOUT',
  downstream_service_unavailable: 'PROVIDER_UNAVAILABLE',
  runner_scheduling_failure: 'PROVIDER_UNAVAILABLE',
  runner_connection_timeout: 'PROVIDER_UNAVAILABLE',
  runner_connection_refused: 'PROVIDER_UNAVAILABLE',
  runner_connection_error: 'PROVIDER_UNAVAILABLE',
  runner_disconnected: 'PROVIDER_UNAVAILABLE',
}

/** Translates fal's error for a request or its result into the failure of the job. */
export function toFailure(model: Model, error: Pick<FalError, 'kind' | 'errorType' | 'issues' | 'message'>): Failure {
  const types = [error.errorType, ...error.issues.map((issue) => issue.code)].filter((type) => type !== null)
  const known = types.find((type) => Object.hasOwn(BY_TYPE, type))
  const code = (known !== undefined ? BY_TYPE[known] : undefined) ?? BY_KIND[error.kind]
  return createFailure(code, error.message, {
    providerCode: known ?? types[0] ?? null,
    issues: error.issues.map((issue) => ({ ...issue, path: toInputPath(model, issue.path) })),
  })
}

const BY_KIND: Record<FalError['kind'], FailureCode> = {
  auth: 'PROVIDER_AUTH',
  rejected: 'INPUT_REJECTED',
  'not-found': 'RESULT_EXPIRED',
  'rate-limited': 'PROVIDER_UNAVAILABLE',
  'not-sent': 'PROVIDER_UNAVAILABLE',
  unavailable: 'PROVIDER_ERROR',
  interrupted: 'PROVIDER_UNAVAILABLE',
  unreadable: 'PROVIDER_ERROR',
}

/** Translates fal's path `['body', 'image_url']` into the caller's path `['input', 'imageUrl']`. */
function toInputPath(model: Model, path: readonly string[]): string[] {
  const ours = new Map(Object.entries(model.fields).map(([name, theirs]) => [theirs, name]))
  return ['input', ...path.filter((part) => part !== 'body').map((part) => ours.get(part) ?? part)]
}
