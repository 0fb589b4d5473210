import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { access, constants, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, parse } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CommandError, RetryableError, UsageError } from './errors.ts'
import { isWebPicture } from './options.ts'
import { withRetries } from './retry.ts'

/** Where a video goes. One that the person named replaces what is there; another never does. */
export interface Target {
  path: string
  replace: boolean
}

export interface SaveOptions {
  url: string
  /** What the API says; null when it does not know. */
  sizeBytes: number | null
  target: Target
  signal: AbortSignal
  onProgress(receivedBytes: number, totalBytes: number | null): void
  onRetry(error: Error): void
}

/**
 * Downloads a video beside its place and then moves it there, so that a file of that name is always whole.
 * Answers the path and the size in bytes.
 * @throws CommandError
 */
export async function saveVideo({
  target,
  signal,
  onRetry,
  ...source
}: SaveOptions): Promise<{ path: string; sizeBytes: number }> {
  const directory = dirname(target.path)
  const part = join(directory, `.${basename(target.path)}.${randomBytes(4).toString('hex')}.part`)
  try {
    const sizeBytes = await withRetries(() => download({ ...source, part, signal }), { signal, onRetry })
    const path = target.replace ? target.path : await reserve(target.path)
    await rename(part, path)
    return { path, sizeBytes }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof CommandError) throw error
    throw new CommandError(`the video cannot be saved as ${target.path}: ${toMessage(error)}`, { cause: error })
  } finally {
    await rm(part, { force: true })
  }
}

async function download({
  url,
  sizeBytes,
  part,
  signal,
  onProgress,
}: Omit<SaveOptions, 'target' | 'onRetry'> & { part: string }): Promise<number> {
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    throw new RetryableError(`the video cannot be fetched: ${toMessage(error)}`, { cause: error })
  })
  if (!response.ok || !response.body) {
    await response.body?.cancel()
    const message = `the video cannot be fetched: ${new URL(url).host} answered ${response.status}`
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
    // The disk's errors have a path; what is left is the network's.
    if (error instanceof Error && 'path' in error) throw error
    throw new RetryableError(`the video was cut off: ${toMessage(error)}`, { cause: error })
  }
  if (totalBytes !== null && received !== totalBytes)
    throw new RetryableError(`the video is not whole: expected ${totalBytes} bytes, but ${received} came`)
  return received
}

/** Takes the first free name, so that nobody else can between now and the move. */
async function reserve(path: string): Promise<string> {
  for (const candidate of candidatePaths(path)) {
    try {
      await (await open(candidate, 'wx')).close()
      return candidate
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  throw new CommandError(`there are too many files like ${path}: give another name with --out`)
}

/** rocket.mp4, rocket-1.mp4, rocket-2.mp4 … */
export function* candidatePaths(path: string): Generator<string> {
  const { dir, name, ext } = parse(path)
  yield path
  for (let number = 1; number < 10_000; number++) yield join(dir, `${name}-${number}${ext}`)
}

/** The name of a video after its picture's: a file's or a URL's last part, with .mp4. */
export function toVideoName(picture: string): string {
  const last = isWebPicture(picture) ? decode(new URL(picture).pathname.split('/').findLast(Boolean) ?? '') : picture
  const name = parse(last.replaceAll('\\', '/')).name
  const safe = name.replaceAll(/[^\p{L}\p{N}._ -]+/gu, '-').replaceAll(/^[. -]+|[. -]+$/g, '')
  return `${[...safe].slice(0, 100).join('') || 'video'}.mp4`
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A stray percent sign is a character like another.
    return text
  }
}

/**
 * Makes sure that a file can be written there, before anything is paid for.
 * @throws UsageError
 */
export async function checkTarget({ path }: Target): Promise<void> {
  const directory = dirname(path)
  try {
    await access(directory, constants.W_OK)
  } catch (error) {
    throw new UsageError(`the video cannot go to ${path}: ${directory} is no directory that can be written to`, {
      cause: error,
    })
  }
  const there = await stat(path).catch(() => null)
  if (there?.isDirectory())
    throw new UsageError(`the video cannot go to ${path}: it is a directory; give the name of a file`)
}

function toMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error && error.cause.message ? error.cause.message : error.message
}
