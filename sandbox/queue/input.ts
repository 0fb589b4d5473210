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
  const input = valueAt(body, path)
  const loc = ['body', ...path]
  const error = (type: string, msg: string, ctx?: FieldError['ctx']) =>
    fieldError(loc, type, msg, { ...(ctx && { ctx }), input })
  if (issue.code === 'too_small') {
    const ge = Number(issue.minimum)
    return error('greater_than_equal', `Input should be greater than or equal to ${ge}`, { ge })
  }
  if (issue.code === 'too_big') {
    const le = Number(issue.maximum)
    return error('less_than_equal', `Input should be less than or equal to ${le}`, { le })
  }
  if (input === undefined) return fieldError(loc, 'missing', 'Field required', { input: body })
  const expected = issue.code === 'invalid_type' ? issue.expected : ''
  if (expected === 'int' && typeof input === 'number')
    return error('int_from_float', 'Input should be a valid integer, got a number with a fractional part')
  if (expected === 'number' || expected === 'int')
    return path[0] === 'cond_aug'
      ? error('float_type', 'Input should be a valid number')
      : error('int_type', 'Input should be a valid integer')
  if (expected === 'string') return error('string_type', 'Input should be a valid string')
  return error('model_attributes_type', 'Input should be a valid dictionary')
}

function valueAt(body: unknown, path: (string | number)[]): unknown {
  return path.reduce<unknown>(
    (value, part) => (typeof value === 'object' && value !== null ? Reflect.get(value, part) : undefined),
    body,
  )
}
