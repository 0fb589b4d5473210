import pLimit from 'p-limit'
import type { MediaFile, MediaStore } from './media.ts'
import { type ClipSettings, clipId, makeClip } from './video.ts'

/** Gives the clip of a picture: from the store when it was made before, else makes it. */
export type GiveClip = (picture: Uint8Array, settings: ClipSettings) => Promise<MediaFile>

/** @param concurrency - clips in the making at once; more than the machine has cores only makes each slower. */
export function createClips({ media }: { media: MediaStore }, { concurrency }: { concurrency: number }): GiveClip {
  const making = new Map<string, Promise<MediaFile>>()
  const atOnce = pLimit(concurrency)

  return async (picture, settings) => {
    const id = clipId(picture, settings)
    const made = media.find(id)
    if (made) return made
    const shared = making.get(id)
    if (shared) return await shared
    const clip = atOnce(async () => await media.save(id, 'video/mp4', await makeClip(picture, settings)))
    making.set(id, clip)
    try {
      return await clip
    } finally {
      making.delete(id)
    }
  }
}
