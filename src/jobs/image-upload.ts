import { FalError } from '../adapters/fal/errors.ts'
import type { Fal } from '../adapters/fal/types.ts'
import { InvalidInputError, ServiceUnavailableError, shorten } from '../errors.ts'
import { checkImageFile } from './image.ts'

export interface UploadedImage {
  url: string
  contentType: string
  /** Bytes. */
  fileSize: number
}

interface ImageUploadDeps {
  fal: Fal
  /** Called when fal could not accept an image; the reason may affect every request. */
  onFailure(error: FalError): void
}

/**
 * Checks an image by its bytes and streams it to fal's storage.
 * @throws InvalidInputError; ServiceUnavailableError when fal cannot accept it now
 */
export async function uploadImage({ fal, onFailure }: ImageUploadDeps, file: Blob): Promise<UploadedImage> {
  const { contentType, problem } = await checkImageFile(file)
  if (problem) throw new InvalidInputError([{ path: ['file'], ...problem }])
  try {
    // Without the caller's file name: fal does not need it, and it may be private.
    const url = await fal.upload(file.slice(0, file.size, contentType))
    return { url, contentType, fileSize: file.size }
  } catch (error) {
    if (!(error instanceof FalError)) throw error
    const message = `fal refused the image: ${error.message}`
    if (error.kind === 'rejected') throw new InvalidInputError([{ path: ['file'], code: 'REJECTED', message }])
    onFailure(error)
    throw new ServiceUnavailableError(toRefusal(error), { cause: error })
  }
}

function toRefusal({ kind, message }: FalError): string {
  if (kind !== 'auth') return 'fal cannot accept the image at the moment: try again, or pass a URL to generateVideo.'
  return `fal accepts no images because it refuses the API key: ${shorten(message, 200)}. The operator has to set FAL_KEY to a valid key or fix the fal account.`
}
