import { FalError } from '../adapters/fal/errors.ts'
import type { Fal } from '../adapters/fal/types.ts'
import { InvalidInputError, ServiceUnavailableError, shorten } from '../errors.ts'
import { checkImageFile } from './image.ts'
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

/** @param onFailure - fal could not take a picture: the reason may be one for everybody */
export function createUploads({ fal, onFailure }: { fal: Fal; onFailure(error: FalError): void }): Uploads {
  return {
    upload: async (_viewer, file) => {
      const { contentType, problem } = await checkImageFile(file)
      if (problem) throw new InvalidInputError([{ path: ['file'], ...problem }])
      try {
        // The caller's file name says nothing that fal needs, and may say what nobody should know.
        const url = await fal.upload(file.slice(0, file.size, contentType))
        return { url, contentType, fileSize: file.size }
      } catch (error) {
        if (!(error instanceof FalError)) throw error
        if (error.kind === 'rejected')
          throw new InvalidInputError([
            { path: ['file'], code: 'REJECTED', message: `fal refused the image: ${error.message}` },
          ])
        onFailure(error)
        throw new ServiceUnavailableError(toRefusal(error), { cause: error })
      }
    },
  }
}

function toRefusal({ kind, message }: FalError): string {
  if (kind !== 'auth') return 'fal cannot take the image now: try again, or give generateVideo a URL.'
  return `fal takes no image, since it refuses the API key: ${shorten(message, 200)}. The operator has to set FAL_KEY to a valid key, or put the account at fal right.`
}
