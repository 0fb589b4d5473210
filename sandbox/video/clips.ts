import pLimit from 'p-limit'
import { type ClipSettings, clipId, makeClip } from './encode.ts'
import type { MediaFile, MediaStore } from './media.ts'

/** Returns the clip of an image, from the store or newly encoded. */
export type GetClip = (image: Uint8Array, settings: ClipSettings) => Promise<MediaFile>

/** @param concurrency - clips to encode at once; more than the machine has cores only slows each one down. */
export function createClips(media: MediaStore, concurrency: number): GetClip {
  const inProgress = new Map<string, Promise<MediaFile>>()
  const limit = pLimit(concurrency)

  return async (image, settings) => {
    const id = clipId(image, settings)
    const stored = media.find(id)
    if (stored) return stored
    const shared = inProgress.get(id)
    if (shared) return await shared
    const clip = limit(async () => await media.save(id, 'video/mp4', await makeClip(image, settings)))
    inProgress.set(id, clip)
    try {
      return await clip
    } finally {
      inProgress.delete(id)
    }
  }
}
