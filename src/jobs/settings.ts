import { z } from 'zod'
import { type InputIssue, InvalidInputError } from '../errors.ts'
import { isStorableText } from '../text.ts'
import { checkDataUri } from './data-uri.ts'
import { MAX_KEY_LENGTH } from './idempotency.ts'
import type { CheckedImage } from './image.ts'
import { isDataUri, type Model, type VideoInput, type VideoSettings } from './models.ts'

/** Valid settings, and the image if `imageUrl` is a data URI. */
export interface CheckedInput {
  settings: VideoSettings
  image: CheckedImage | null
}

const keyRule = `idempotencyKey must have 1 to ${MAX_KEY_LENGTH} characters, without NUL characters or lone surrogates.`
export const IdempotencyKeyText = z
  .string(keyRule)
  .min(1, keyRule)
  .max(MAX_KEY_LENGTH, keyRule)
  .refine(isStorableText, keyRule)

/** @throws InvalidInputError with every issue of the input, each with its path from `input` */
export async function checkVideoInput(
  model: Model,
  input: VideoInput & { idempotencyKey?: string | null | undefined },
): Promise<CheckedInput> {
  const settings = model.settings.safeParse(input)
  const key = z.object({ idempotencyKey: IdempotencyKeyText.nullish() }).safeParse(input)
  const image = isDataUri(input.imageUrl) && isStorableText(input.imageUrl) ? await checkDataUri(input.imageUrl) : null
  const issues = [
    ...toIssues(settings.error),
    ...(image?.problem ? [{ path: ['input', 'imageUrl'], ...image.problem }] : []),
    ...toIssues(key.error),
  ]
  if (!settings.success || issues.length > 0) throw new InvalidInputError(issues)
  return { settings: settings.data, image: image?.image ?? null }
}

function toIssues(error: z.ZodError | undefined): InputIssue[] {
  const issues =
    error?.issues.map((issue) => ({
      path: ['input', ...issue.path.map(String)],
      code: toCode(issue),
      message: issue.message,
    })) ?? []
  // A value can break a rule in two ways (100.5 is not an integer and out of range): keep one issue per message.
  return issues.filter((issue, index) => issues.findIndex((other) => other.message === issue.message) === index)
}

/** The name of the broken rule, for programs: OUT_OF_RANGE, INVALID_URL, … */
function toCode(issue: z.core.$ZodIssue): string {
  if (issue.code === 'too_small' || issue.code === 'too_big') return 'OUT_OF_RANGE'
  return issue.code === 'custom' ? String(issue.params?.code ?? 'INVALID') : issue.code.toUpperCase()
}
