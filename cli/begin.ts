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
import { isWebPicture, type Settings } from './options.ts'
import { withRetries } from './retry.ts'
import { toSafeText, toSizeText } from './text.ts'

export interface Picture {
  picture: string
  settings: Settings
}

const UPLOAD_TIMEOUT_MS = 120_000

export interface BeginDeps {
  api: Api
  display: Display
}

/**
 * Checks picture and settings as the server does, before a server is started or anything is uploaded.
 * @throws UsageError when there is no such file, InputRefusedError with all that is wrong
 */
export async function checkInput({ picture, settings }: Picture): Promise<void> {
  const wrong = isWebPicture(picture) ? findLinkProblem(picture) : await findFileProblem(picture)
  const issues: InputIssue[] = wrong === null ? [] : [{ path: ['input', 'imageUrl'], message: wrong }]
  for (const [name, { least, most }] of Object.entries(SETTINGS)) {
    const value = settings[name as keyof typeof SETTINGS]
    if (value !== undefined && !(value >= least && value <= most))
      issues.push({ path: ['input', name], message: `must be from ${least} to ${most}, but is ${value}` })
  }
  if (issues.length > 0) throw new InputRefusedError('The input has problems', issues)
}

async function findFileProblem(picture: string): Promise<string | null> {
  const name = picture.length > 200 ? `${picture.slice(0, 200)}…` : picture
  const found = await stat(picture).catch(() => null)
  if (!found)
    throw new UsageError(
      `there is no picture at ${name}: give the name of a file, or a URL that begins with http:// or https://`,
    )
  if (!found.isFile()) throw new UsageError(`${name} is not a file: give the name of a picture`)
  await access(picture, constants.R_OK).catch((error: unknown) => {
    throw new UsageError(`${name} cannot be read: allow it, or give another`, { cause: error })
  })
  return (await checkImageFile(await openAsBlob(picture))).problem?.message ?? null
}

/**
 * Hands picture and settings over, and answers the id of the job. A lost answer is asked for again, under the same key:
 * there is one job all the same.
 * @throws InputRefusedError, CommandError
 */
export async function beginJob({ picture, settings }: Picture, { api, display }: BeginDeps): Promise<string> {
  const retries = {
    signal: api.signal,
    onRetry: (error: Error) => display.print(`${toSafeText(error.message)}; trying again`, 'quiet'),
  }
  const imageUrl = isWebPicture(picture) ? picture : await upload()
  const input = { imageUrl, ...settings, idempotencyKey: randomUUID() }
  display.show({ text: 'asking for a video' })
  const { generateVideo: result } = await withRetries(() => callApi(api, GenerateVideoDocument, { input }), retries)
  if (result.__typename === 'GenerateVideoSuccess') return result.job.id
  throw toRefusal(result)

  async function upload(): Promise<string> {
    const file = await openAsBlob(picture)
    display.show({ text: `uploading ${basename(picture)} (${toSizeText(file.size)})`, progress: null })
    const { uploadImage: result } = await withRetries(
      () => callApi(api, UploadImageDocument, { file }, { timeoutMs: UPLOAD_TIMEOUT_MS }),
      retries,
    )
    if (result.__typename === 'UploadImageSuccess') return result.url
    throw toRefusal(result)
  }
}

/** An answer that is not what was asked for, as an error to be told. */
function toRefusal(result: {
  message: string
  issues?: { path: string[]; message: string }[]
  retryAt?: string | null
}): CommandError {
  if (result.issues) return new InputRefusedError(result.message, result.issues)
  return new CommandError(result.retryAt ? `${result.message} Try again after ${result.retryAt}.` : result.message)
}
