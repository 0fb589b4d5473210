import { z } from 'zod'
import type { Job } from '../generated/prisma/client.ts'
import { isStorableText } from '../text.ts'
import { findLinkProblem } from './image-link.ts'
import { toVideoFile } from './video-name.ts'

/** The settings that a caller gives. */
export type VideoInput = z.input<typeof StableVideoSettings>

/** Checked settings; an unset seed is null. */
export type VideoSettings = z.output<typeof StableVideoSettings>

/** Settings as the job's row holds them; `imageUrl` is null while the image waits for its upload. */
export type JobSettings = Pick<Job, keyof VideoSettings>

/** What a model made. Null where fal does not report a value. */
export interface VideoResult {
  url: string
  contentType: string
  fileName: string
  /** Bytes. */
  fileSize: number | null
  seed: number | null
}

/** A fal endpoint that Reelay offers. */
export interface Model {
  endpoint: string
  defaults: Pick<VideoSettings, 'motionBucketId' | 'condAug' | 'fps'>
  /** Rules of the settings, except for the image's bytes. */
  settings: z.ZodType<VideoSettings, VideoInput>
  /** fal's name of each setting. */
  fields: Record<keyof VideoSettings, string>
  /** Reads the result that fal returned. */
  result: z.ZodType<VideoResult>
}

const ImageUrl = z
  .string()
  .refine(isStorableText, {
    error: 'imageUrl must not have NUL characters or lone surrogates.',
    params: { code: 'INVALID_TEXT' },
  })
  // image.ts checks the bytes of a data URI, and describes more precisely what is wrong.
  .refine((url) => isDataUri(url) || !isStorableText(url) || findLinkProblem(url) === null, {
    error: ({ input }) => `imageUrl ${findLinkProblem(String(input))}`,
    params: { code: 'INVALID_URL' },
  })

const seedRule = 'seed must be a whole number within ±9007199254740991 (2^53-1).'

/** Bounds and defaults are fal's: https://fal.ai/models/fal-ai/stable-video/llms.txt */
const StableVideoSettings = z.object({
  imageUrl: ImageUrl,
  seed: z
    .number(seedRule)
    .refine(Number.isSafeInteger, { error: seedRule, params: { code: 'NOT_SAFE_INTEGER' } })
    .nullish()
    .transform((seed) => seed ?? null),
  motionBucketId: inRange('motionBucketId', 1, 255, 'whole number'),
  condAug: inRange('condAug', 0, 10, 'number'),
  fps: inRange('fps', 10, 100, 'whole number'),
})

/**
 * fal's `File` may leave out everything but the url, and a paid video is not lost to a malformed field. A seed beyond
 * 2^53 was rounded by the JSON parser, and counts as unknown.
 */
const StableVideoResult = z
  .object({
    video: z.object({
      // Normalised as fetch reads it, which tolerates a space: every later parser reads the same URL.
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
  .transform(({ video: { url, content_type = null, file_name = null, file_size = null }, seed = null }) => ({
    url,
    ...toVideoFile({ url, contentType: content_type, fileName: file_name }),
    fileSize: file_size,
    seed,
  }))

const stableVideo: Model = {
  endpoint: 'fal-ai/stable-video',
  defaults: { motionBucketId: 127, condAug: 0.02, fps: 25 },
  settings: StableVideoSettings,
  fields: { imageUrl: 'image_url', seed: 'seed', motionBucketId: 'motion_bucket_id', condAug: 'cond_aug', fps: 'fps' },
  result: StableVideoResult,
}

/** All endpoints by their id. */
export const MODELS: ReadonlyMap<string, Model> = new Map([[stableVideo.endpoint, stableVideo]])

/** The endpoint that generateVideo uses. */
export const DEFAULT_MODEL: Model = stableVideo

/** The settings of a job, without the other columns of its row. */
export function toSettings(model: Model, job: JobSettings): JobSettings {
  const names = Object.keys(model.fields) as (keyof JobSettings)[]
  return Object.fromEntries(names.map((name) => [name, job[name]])) as JobSettings
}

/** The body of a submit: fal's names, without unset settings. */
export function toFalInput(model: Model, job: JobSettings): Record<string, string | number> {
  const body: Record<string, string | number> = {}
  for (const [name, falName] of Object.entries(model.fields)) {
    const value = job[name as keyof JobSettings]
    if (value !== null) body[falName] = typeof value === 'bigint' ? Number(value) : value
  }
  return body
}

export function isDataUri(url: string): boolean {
  return /^data:/i.test(url)
}

function inRange(name: string, least: number, most: number, kind: 'number' | 'whole number') {
  const rule = `${name} must be a ${kind} from ${least} to ${most}.`
  const number = z.number(rule).min(least, rule).max(most, rule)
  return kind === 'number' ? number : number.refine(Number.isInteger, { error: rule, params: { code: 'NOT_INTEGER' } })
}
