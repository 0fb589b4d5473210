import { createWriteStream } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { readJsonFiles, writeAtomically } from '../disk.ts'
import { KEEP_AT_LEAST_MS } from '../queue/store.ts'

const MediaFile = z.object({
  id: z.string(),
  contentType: z.string(),
  /** Null until the upload is complete. */
  sizeBytes: z.number().nullable(),
  /** Unix milliseconds. */
  savedAt: z.number(),
})

/** One stored file: an upload or a clip. */
export type MediaFile = z.infer<typeof MediaFile>

export type MediaStore = Awaited<ReturnType<typeof openMediaStore>>

interface MediaStoreOptions {
  dataDir: string
  keepFiles: number
  maxUploadBytes: number
}

export class TooLargeError extends Error {
  override name = 'TooLargeError'
}

/** Keeps uploads and clips across restarts. */
export async function openMediaStore({ dataDir, keepFiles, maxUploadBytes }: MediaStoreOptions) {
  const folder = join(dataDir, 'media')
  await mkdir(folder, { recursive: true })
  const files = new Map<string, MediaFile>()
  for (const value of await readJsonFiles(folder)) {
    const saved = MediaFile.safeParse(value)
    if (saved.success) files.set(saved.data.id, saved.data)
  }
  const pathOf = (id: string) => join(folder, `${id}.bin`)

  // The bytes are written before their description, so a description never names missing bytes.
  async function describe(file: MediaFile): Promise<MediaFile> {
    await writeAtomically(join(folder, `${file.id}.json`), JSON.stringify(file))
    files.set(file.id, file)
    return file
  }

  return {
    find: (id: string): MediaFile | undefined => files.get(id),
    pathOf,
    /** Registers an upload before its bytes arrive. */
    reserve: (id: string, contentType: string) => describe({ id, contentType, sizeBytes: null, savedAt: Date.now() }),
    /** Streams bytes to disk. @throws {TooLargeError} beyond the size limit, and then keeps nothing. */
    receive: async (id: string, bytes: AsyncIterable<Uint8Array>): Promise<MediaFile> => {
      const temporary = `${pathOf(id)}.${crypto.randomUUID()}.tmp`
      try {
        await pipeline(bytes, atMost(maxUploadBytes), createWriteStream(temporary))
        await rename(temporary, pathOf(id))
      } catch (error) {
        await rm(temporary, { force: true })
        throw error
      }
      const { size } = await stat(pathOf(id))
      const contentType = files.get(id)?.contentType ?? 'application/octet-stream'
      return await describe({ id, contentType, sizeBytes: size, savedAt: Date.now() })
    },
    save: async (id: string, contentType: string, bytes: Uint8Array): Promise<MediaFile> => {
      await writeAtomically(pathOf(id), bytes)
      return await describe({ id, contentType, sizeBytes: bytes.byteLength, savedAt: Date.now() })
    },
    /** Deletes the oldest unreferenced files beyond the limit. */
    prune: async (isReferenced: (id: string) => boolean, now: number): Promise<void> => {
      const surplus = [...files.values()]
        .filter((file) => !isReferenced(file.id))
        .sort((a, b) => b.savedAt - a.savedAt)
        .slice(keepFiles)
        .filter((file) => now - file.savedAt > KEEP_AT_LEAST_MS)
      for (const { id } of surplus) {
        files.delete(id)
        await rm(join(folder, `${id}.json`), { force: true })
        await rm(pathOf(id), { force: true })
      }
    },
  }
}

function atMost(maxBytes: number): Transform {
  let bytes = 0
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      bytes += chunk.byteLength
      if (bytes > maxBytes) done(new TooLargeError(`expected at most ${maxBytes} bytes: send a smaller file`))
      else done(null, chunk)
    },
  })
}
