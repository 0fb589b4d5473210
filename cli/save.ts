import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { access, constants, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, parse } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { decodeUrlPart } from '../src/jobs/image-link.ts'
import { CommandError, RetryableError, UsageError } from './errors.ts'
import { isImageUrl } from './options.ts'
import { withRetries } from './retry.ts'

/** Where a video is saved. A path from `--out` replaces an existing file; a default one never does. */
export interface Target {
  path: string
  replace: boolean
}

interface SaveOptions {
  url: string
  /** From the API; null when unknown. */
  sizeBytes: number | null
  target: Target
  signal: AbortSignal
  onProgress(receivedBytes: number, totalBytes: number | null): void
  onRetry(error: Error): void
}

/**
 * Downloads a video to a temporary file beside the target and renames it, so that the target is never incomplete.
 * Returns the path and the size in bytes.
 * @throws CommandError
 */
export async function saveVideo(options: SaveOptions): Promise<{ path: string; sizeBytes: number }> {
  const { target, signal, onRetry } = options
  const directory = dirname(target.path)
  const part = join(directory, `.${basename(target.path)}.${randomBytes(4).toString('hex')}.part`)
  try {
    const sizeBytes = await withRetries(() => download(options, part), { signal, onRetry })
    const path = target.replace ? target.path : await reserve(target.path)
    await rename(part, path)
    return { path, sizeBytes }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof CommandError) throw error
    throw new CommandError(`cannot save the video as ${target.path}: ${toMessage(error)}`, { cause: error })
  } finally {
    await rm(part, { force: true })
  }
}

async function download({ url, sizeBytes, signal, onProgress }: SaveOptions, part: string): Promise<number> {
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    throw new RetryableError(`the download failed: ${toMessage(error)}`, { cause: error })
  })
  if (!response.ok || !response.body) {
    await response.body?.cancel()
    const message = `the download failed: ${new URL(url).host} answered ${response.status}`
    throw response.status === 429 || response.status >= 500 ? new RetryableError(message) : new CommandError(message)
  }
  const totalBytes = sizeBytes ?? (Number(response.headers.get('content-length')) || null)
  let received = 0
  const count = new Transform({
    transform: (chunk: Uint8Array, _encoding, done) => {
      received += chunk.byteLength
      onProgress(received, totalBytes)
      done(null, chunk)
    },
  })
  try {
    await pipeline(response.body, count, createWriteStream(part), { signal })
  } catch (error) {
    // Disk errors have a path; all others are network errors.
    if (error instanceof Error && 'path' in error) throw error
    throw new RetryableError(`the download was cut off: ${toMessage(error)}`, { cause: error })
  }
  if (totalBytes !== null && received !== totalBytes)
    throw new RetryableError(`the download is incomplete: expected ${totalBytes} bytes, got ${received}`)
  return received
}

/** Creates the first free name as an empty file, so that no other process uses it before the rename. */
async function reserve(path: string): Promise<string> {
  for (const candidate of candidatePaths(path)) {
    try {
      await (await open(candidate, 'wx')).close()
      return candidate
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  throw new CommandError(`too many files named like ${path}: pass another name with --out`)
}

/** rocket.mp4, rocket-1.mp4, rocket-2.mp4 … */
export function* candidatePaths(path: string): Generator<string> {
  const { dir, name, ext } = parse(path)
  yield path
  for (let number = 1; number < 10_000; number++) yield join(dir, `${name}-${number}${ext}`)
}

/** Names a video after its image: the last part of the path or URL, with .mp4. */
export function toVideoName(image: string): string {
  const last = isImageUrl(image) ? decodeUrlPart(new URL(image).pathname.split('/').findLast(Boolean) ?? '') : image
  const name = parse(last.replaceAll('\\', '/')).name
  const safe = name.replaceAll(/[^\p{L}\p{N}._ -]+/gu, '-').replaceAll(/^[. -]+|[. -]+$/g, '')
  return `${[...safe].slice(0, 100).join('') || 'video'}.mp4`
}

/**
 * Checks that the target can be written, before a video is paid for.
 * @throws UsageError
 */
export async function checkTarget({ path }: Target): Promise<void> {
  const directory = dirname(path)
  try {
    await access(directory, constants.W_OK)
  } catch (error) {
    const message = `cannot save the video as ${path}: ${directory} is not a writable directory`
    throw new UsageError(message, { cause: error })
  }
  const found = await stat(path).catch(() => null)
  if (found?.isDirectory())
    throw new UsageError(`cannot save the video as ${path}: it is a directory; pass a file name`)
}

function toMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  // An AggregateError, as for a localhost that refuses IPv4 and IPv6, has a code and no message.
  return cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : error.message
}
