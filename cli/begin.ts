import { randomUUID } from 'node:crypto'
import { openAsBlob } from 'node:fs'
import { access, constants, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { GenerateVideoDocument, UploadImageDocument } from '../operations/generated/graphql.ts'
import { type Client, withRetries } from './client.ts'
import type { Display } from './display.ts'
import { CommandError, InputRefusedError, UsageError } from './errors.ts'
import { isWebPicture, type Settings } from './options.ts'
import { toSafeText, toSizeText } from './text.ts'

export interface Picture {
  picture: string
  settings: Settings
}

export interface BeginDeps {
  client: Client
  display: Display
  signal: AbortSignal
}

/**
 * Makes sure that there is a picture, if it is a file, before anything else happens.
 * @throws UsageError
 */
export async function checkPicture(picture: string): Promise<void> {
  if (isWebPicture(picture)) return
  const found = await stat(picture).catch(() => null)
  if (!found)
    throw new UsageError(
      `there is no picture at ${picture}: give the name of a file, or a URL that begins with http:// or https://`,
    )
  if (!found.isFile()) throw new UsageError(`${picture} is not a file: give the name of a picture`)
  await access(picture, constants.R_OK).catch((error: unknown) => {
    throw new UsageError(`${picture} cannot be read: allow it, or give another`, { cause: error })
  })
}

/**
 * Hands picture and settings over, and answers the id of the job. A lost answer is asked for again, under the same key:
 * there is one job all the same.
 * @throws InputRefusedError, CommandError
 */
export async function beginJob(
  { picture, settings }: Picture,
  { client, display, signal }: BeginDeps,
): Promise<string> {
  const retries = {
    signal,
    onRetry: (error: Error) => display.print(`${toSafeText(error.message)}; trying again`, 'quiet'),
  }
  const imageUrl = isWebPicture(picture) ? picture : await upload()
  const input = { imageUrl, ...settings, idempotencyKey: randomUUID() }
  display.show({ text: 'asking for a video' })
  const { generateVideo: result } = await withRetries(() => client.request(GenerateVideoDocument, { input }), retries)
  if (result.__typename === 'GenerateVideoSuccess') return result.job.id
  throw toRefusal(result)

  async function upload(): Promise<string> {
    const blob = await openAsBlob(picture)
    display.show({ text: `uploading ${basename(picture)} (${toSizeText(blob.size)})`, progress: null })
    const file = { name: 'file', blob, fileName: basename(picture) } as const
    const { uploadImage: result } = await withRetries(() => client.upload(UploadImageDocument, file), retries)
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
