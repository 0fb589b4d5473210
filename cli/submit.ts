import { randomUUID } from 'node:crypto'
import { openAsBlob } from 'node:fs'
import { access, constants, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { GenerateVideoDocument, UploadImageDocument } from '../operations/generated/graphql.ts'
import { SETTINGS } from '../operations/generated/settings.ts'
import { checkImageFile } from '../src/jobs/image.ts'
import { findLinkProblem } from '../src/jobs/image-link.ts'
import { type Api, callApi } from './api.ts'
import type { Display } from './display.ts'
import { CommandError, type InputIssue, InputRefusedError, UsageError } from './errors.ts'
import { isImageUrl, type Settings } from './options.ts'
import { withRetries } from './retry.ts'
import { toSafeText, toSizeText } from './text.ts'

interface ImageInput {
  /** A file's path or an http(s) URL. */
  image: string
  settings: Settings
}

const UPLOAD_TIMEOUT_MS = 120_000

/**
 * Checks image and settings by the server's rules, before starting a server or uploading anything.
 * @throws UsageError when the file cannot be read, InputRefusedError with all problems
 */
export async function checkInput({ image, settings }: ImageInput): Promise<void> {
  const problem = isImageUrl(image) ? findLinkProblem(image) : await findFileProblem(image)
  const issues: InputIssue[] = problem === null ? [] : [{ path: ['input', 'imageUrl'], message: problem }]
  for (const [name, { least, most }] of Object.entries(SETTINGS)) {
    const value = settings[name as keyof typeof SETTINGS]
    if (value !== undefined && !(value >= least && value <= most))
      issues.push({ path: ['input', name], message: `must be from ${least} to ${most}, not ${value}` })
  }
  if (issues.length > 0) throw new InputRefusedError('Invalid input', issues)
}

async function findFileProblem(image: string): Promise<string | null> {
  const name = image.length > 200 ? `${image.slice(0, 200)}…` : image
  const found = await stat(image).catch(() => null)
  if (!found) throw new UsageError(`no image at ${name}: pass a file, or a URL that starts with http:// or https://`)
  if (!found.isFile()) throw new UsageError(`${name} is not a file: pass an image file`)
  await access(image, constants.R_OK).catch((error: unknown) => {
    throw new UsageError(`${name} cannot be read: change its permissions, or pass another file`, { cause: error })
  })
  return (await checkImageFile(await openAsBlob(image))).problem?.message ?? null
}

/**
 * Uploads the image if it is a file, creates the job and returns its id. Retries use one idempotency key, so that a
 * lost response leads to one job.
 * @throws InputRefusedError, CommandError
 */
export async function submitJob({ image, settings }: ImageInput, api: Api, display: Display): Promise<string> {
  const retries = {
    signal: api.signal,
    onRetry: (error: Error) => display.print(`${toSafeText(error.message)}; retrying`, 'quiet'),
  }
  const imageUrl = isImageUrl(image) ? image : await upload()
  const input = { imageUrl, ...settings, idempotencyKey: randomUUID() }
  display.show({ text: 'submitting' })
  const { generateVideo: result } = await withRetries(() => callApi(api, GenerateVideoDocument, { input }), retries)
  if (result.__typename === 'GenerateVideoSuccess') return result.job.id
  throw toRefusal(result)

  async function upload(): Promise<string> {
    const file = await openAsBlob(image)
    display.show({ text: `uploading ${basename(image)} (${toSizeText(file.size)})`, progress: null })
    const { uploadImage: result } = await withRetries(
      () => callApi(api, UploadImageDocument, { file }, { timeoutMs: UPLOAD_TIMEOUT_MS }),
      retries,
    )
    if (result.__typename === 'UploadImageSuccess') return result.url
    throw toRefusal(result)
  }
}

function toRefusal(result: { message: string; issues?: InputIssue[]; retryAt?: string | null }): CommandError {
  if (result.issues) return new InputRefusedError(result.message, result.issues)
  return new CommandError(result.retryAt ? `${result.message} Try again after ${result.retryAt}.` : result.message)
}
