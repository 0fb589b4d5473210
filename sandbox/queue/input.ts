import { z } from 'zod'
import { type FieldError, fieldError } from './failures.ts'

const Input = z.object({
  image_url: z.string(),
  motion_bucket_id: z.int().min(1).max(255).default(127),
  cond_aug: z.number().min(0).max(10).default(0.02),
  fps: z.int().min(10).max(100).default(25),
  seed: z.int().optional(),
})

/** The input of fal-ai/stable-video, with its defaults filled in. */
export type VideoInput = z.infer<typeof Input>

/** Validates a request's body as the model does, with errors in fal's own shape. Unknown fields are ignored. */
export function parseInput(body: unknown): { input: VideoInput } | { errors: FieldError[] } {
  const parsed = Input.safeParse(body)
  if (parsed.success) return { input: parsed.data }
  return { errors: parsed.error.issues.map((issue) => toFieldError(issue, body)) }
}

function toFieldError(issue: z.core.$ZodIssue, body: unknown): FieldError {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)))
  const loc = ['body', ...path]
  const value = valueAt(body, path)
  if (issue.code === 'too_small' && issue.origin !== 'string')
    return fieldError(loc, 'greater_than_equal', `Input should be greater than or equal to ${issue.minimum}`, {
      ctx: { ge: Number(issue.minimum) },
      input: value,
    })
  if (issue.code === 'too_big')
    return fieldError(loc, 'less_than_equal', `Input should be less than or equal to ${issue.maximum}`, {
      ctx: { le: Number(issue.maximum) },
      input: value,
    })
  if (value === undefined) return fieldError(loc, 'missing', 'Field required', { input: body })
  return wrongType(loc, issue, value)
}

function wrongType(loc: (string | number)[], issue: z.core.$ZodIssue, input: unknown): FieldError {
  const expected = issue.code === 'invalid_type' ? issue.expected : ''
  if (expected === 'int' && typeof input === 'number')
    return fieldError(loc, 'int_from_float', 'Input should be a valid integer, got a number with a fractional part', {
      input,
    })
  const integer = typeof loc[1] === 'string' && loc[1] !== 'cond_aug'
  if (expected === 'number' || expected === 'int')
    return integer
      ? fieldError(loc, 'int_type', 'Input should be a valid integer', { input })
      : fieldError(loc, 'float_type', 'Input should be a valid number', { input })
  if (expected === 'string') return fieldError(loc, 'string_type', 'Input should be a valid string', { input })
  return fieldError(loc, 'model_attributes_type', 'Input should be a valid dictionary', { input })
}

function valueAt(body: unknown, path: (string | number)[]): unknown {
  return path.reduce<unknown>(
    (value, part) => (typeof value === 'object' && value !== null ? Reflect.get(value, part) : undefined),
    body,
  )
}
