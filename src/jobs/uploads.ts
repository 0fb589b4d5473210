import { type Fal, FalError } from '../adapters/fal.ts'
import { InvalidInputError, ServiceUnavailableError } from '../errors.ts'
import { checkImage } from './image.ts'
import type { Viewer } from './jobs.ts'

export interface UploadedImage {
  url: string
  contentType: string
  /** Bytes. */
  fileSize: number
}

export interface Uploads {
  /**
   * Checks a picture by its bytes, streams it to fal's storage and answers where it is.
   * @throws InvalidInputError, ServiceUnavailableError when fal cannot take it now
   */
  upload(viewer: Viewer, file: Blob): Promise<UploadedImage>
}

export function createUploads({ fal }: { fal: Fal }): Uploads {
  return {
    upload: async (_viewer, file) => {
      const { image, problem } = await checkImage(new Uint8Array(await file.arrayBuffer()), file.type)
      if (problem) throw new InvalidInputError([{ path: ['file'], ...problem }])
      try {
        // The caller's file name says nothing that fal needs, and may say what nobody should know.
        const url = await fal.upload(new Blob([image.bytes], { type: image.contentType }))
        return { url, contentType: image.contentType, fileSize: image.bytes.byteLength }
      } catch (error) {
        if (!(error instanceof FalError)) throw error
        if (error.kind === 'rejected')
          throw new InvalidInputError([
            { path: ['file'], code: 'REJECTED', message: `fal refused the image: ${error.message}` },
          ])
        throw new ServiceUnavailableError('fal cannot take the image now: try again, or give generateVideo a URL.', {
          cause: error,
        })
      }
    },
  }
}
