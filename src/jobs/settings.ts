import { z } from 'zod'
import { type InputIssue, InvalidInputError } from '../errors.ts'
import { checkDataUri } from './data-uri.ts'
import { MAX_KEY_LENGTH } from './idempotency.ts'
import { isDataUri, type Model, type VideoInput } from './models.ts'
import { isStorableText } from './text.ts'

/** Settings that may be saved. The image's bytes, if they came in a data URI, are beside them and `imageUrl` is null. */
export interface CheckedInput {
  imageUrl: string | null
  seed: bigint | null
  motionBucketId: number
  condAug: number
  fps: number
  image: { contentType: string; bytes: Uint8Array<ArrayBuffer> } | null
}

const keyRule = `idempotencyKey must have 1 to ${MAX_KEY_LENGTH} characters, without NUL characters or lone surrogates.`
export const IdempotencyKeyText = z
  .string(keyRule)
  .min(1, keyRule)
  .max(MAX_KEY_LENGTH, keyRule)
  .refine(isStorableText, keyRule)

/**
 * Checks an input as one whole.
 * @throws InvalidInputError with every issue, each with its path from `input`
 */
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
  if (issues.length > 0) throw new InvalidInputError(issues)
  const { imageUrl, seed, motionBucketId, condAug, fps } = input
  return {
    imageUrl: image ? null : imageUrl,
    seed: seed == null ? null : BigInt(seed),
    motionBucketId,
    condAug,
    fps,
    image: image?.image ?? null,
  }
}

function toIssues(error: z.ZodError | undefined): InputIssue[] {
  const issues =
    error?.issues.map((issue) => ({
      path: ['input', ...issue.path.map(String)],
      code: toCode(issue),
      message: issue.message,
    })) ?? []
  // One rule can break in two ways (1.5 is no integer and out of range): its sentence is said once.
  return issues.filter((issue, index) => issues.findIndex((other) => other.message === issue.message) === index)
}

/** The name of the broken rule, for programs: OUT_OF_RANGE, INVALID_URL, … */
function toCode(issue: z.core.$ZodIssue): string {
  if (issue.code === 'too_small' || issue.code === 'too_big') return 'OUT_OF_RANGE'
  return issue.code === 'custom' ? String(issue.params?.code ?? 'INVALID') : issue.code.toUpperCase()
}
