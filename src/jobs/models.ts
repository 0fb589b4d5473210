import { z } from 'zod'
import { findLinkProblem } from './image-link.ts'
import { isStorableText } from './text.ts'
import { toVideoFile } from './video-name.ts'

/** What a caller may set. Bounds and defaults are fal's: https://fal.ai/models/fal-ai/stable-video/llms.txt */
export interface VideoInput {
  imageUrl: string
  seed?: number | null | undefined
  motionBucketId: number
  condAug: number
  fps: number
}

/** The settings of one job, checked; `imageUrl` null while the image waits for its upload. */
export interface VideoSettings {
  imageUrl: string | null
  seed: number | null
  motionBucketId: number
  condAug: number
  fps: number
}

/** What a model made. Sizes in bytes; null where fal does not say. */
export interface VideoResult {
  url: string
  contentType: string
  fileName: string
  fileSize: number | null
  seed: number | null
}

/** A fal endpoint that Reelay offers. */
export interface Model {
  endpoint: string
  defaults: { motionBucketId: number; condAug: number; fps: number }
  /** Rules of the settings, but for the image's bytes. */
  settings: z.ZodType<VideoInput>
  /** fal's name of each setting. */
  fields: Record<keyof VideoInput, string>
  /** Reads fal's answer. @throws z.ZodError when it is not of the expected shape. */
  readResult(answer: unknown): VideoResult
}

const ImageUrl = z
  .string()
  .refine(isStorableText, {
    error: 'imageUrl must not have NUL characters or lone surrogates.',
    params: { code: 'INVALID_TEXT' },
  })
  // The bytes of a data URI are checked by image.ts, which has more to say about them.
  .refine((url) => isDataUri(url) || !isStorableText(url) || findLinkProblem(url) === null, {
    error: ({ input }) => `imageUrl ${findLinkProblem(String(input))}`,
    params: { code: 'INVALID_URL' },
  })

const seedRule = 'seed must be a whole number within ±9007199254740991 (2^53-1).'

const stableVideo: Model = {
  endpoint: 'fal-ai/stable-video',
  defaults: { motionBucketId: 127, condAug: 0.02, fps: 25 },
  settings: z.object({
    imageUrl: ImageUrl,
    seed: z
      .number(seedRule)
      .refine(Number.isSafeInteger, { error: seedRule, params: { code: 'NOT_SAFE_INTEGER' } })
      .nullish(),
    motionBucketId: inRange('motionBucketId', 1, 255, 'whole number'),
    condAug: inRange('condAug', 0, 10, 'number'),
    fps: inRange('fps', 10, 100, 'whole number'),
  }),
  fields: { imageUrl: 'image_url', seed: 'seed', motionBucketId: 'motion_bucket_id', condAug: 'cond_aug', fps: 'fps' },
  readResult: (answer) => {
    const { video, seed } = StableVideoAnswer.parse(answer)
    return {
      url: video.url,
      ...toVideoFile({
        url: video.url,
        contentType: video.content_type ?? null,
        fileName: video.file_name ?? null,
      }),
      fileSize: video.file_size ?? null,
      seed: seed ?? null,
    }
  },
}

/** fal's `File` may leave out everything but the url, and a paid video is not given up for a field that is odd. A seed beyond 2^53 was rounded on its way here: it is unknown. */
const StableVideoAnswer = z.object({
  video: z.object({
    // As fetch would read it, which forgives a space: whatever parser is given it next reads the same.
    url: z.url({ protocol: /^https?$/ }).transform((url) => new URL(url).href),
    content_type: z.string().nullish().catch(null),
    file_name: z.string().nullish().catch(null),
    file_size: z.number().int().nonnegative().nullish().catch(null),
  }),
  seed: z
    .number()
    .nullish()
    .transform((seed) => (Number.isSafeInteger(seed) ? seed : null))
    .catch(null),
})

/** All endpoints by their id. */
export const MODELS: ReadonlyMap<string, Model> = new Map([[stableVideo.endpoint, stableVideo]])

/** The endpoint that generateVideo uses. */
export const DEFAULT_MODEL: Model = stableVideo

/** The body of a submit: fal's names, unset settings left out. */
export function toFalInput(
  model: Model,
  settings: VideoSettings & { imageUrl: string },
): Record<string, string | number> {
  const pairs = Object.entries(model.fields).map(
    ([ours, theirs]) => [theirs, settings[ours as keyof VideoInput]] as const,
  )
  return Object.fromEntries(pairs.filter((pair): pair is readonly [string, string | number] => pair[1] !== null))
}

export function isDataUri(url: string): boolean {
  return /^data:/i.test(url)
}

function inRange(name: string, least: number, most: number, kind: 'number' | 'whole number') {
  const rule = `${name} must be a ${kind} from ${least} to ${most}.`
  const number = z.number(rule).min(least, rule).max(most, rule)
  return kind === 'number' ? number : number.refine(Number.isInteger, { error: rule, params: { code: 'NOT_INTEGER' } })
}
