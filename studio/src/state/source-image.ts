import { toImageName, toImageUrl } from '../format/image-link.ts'
import { toPreview } from './previews.ts'

/** The image that a video starts from. */
export interface SourceImage {
  /** Its file name, or its host. */
  name: string
  /** A data URI to show; null for an image of another host, which this page does not load. */
  preview: string | null
  /** Shown when there is no preview. */
  hint: string | null
  /** Resolves to the API's imageUrl. */
  read(): Promise<string>
}

/** Loaded after the page, because detecting file formats takes as much script as half of the page. */
export const loadImageRules = () => import('../../../src/jobs/image.ts')

/** @throws Error with the API's message when the file is not a supported image */
export async function openImageFile(file: File): Promise<SourceImage> {
  const { checkImageFile } = await loadImageRules().catch(() => {
    throw new Error('The image could not be checked. Check your connection and reload the page.')
  })
  const { contentType, problem } = await checkImageFile(file).catch(() => {
    throw new Error('The image could not be read. Choose it again.')
  })
  if (problem) throw new Error(problem.message)
  // Browsers derive the type from the file extension, which may be wrong.
  const image = new Blob([file], { type: contentType })
  // An image that this browser cannot decode may still be valid for the API and fal.
  const preview = await toPreview(image).catch(() => null)
  const hint = preview === null ? 'No preview: the file may be damaged' : null
  return { name: file.name || 'Pasted image', preview, hint, read: () => toDataUri(image) }
}

/** @throws Error with the API's message when the text is not an image link */
export function linkImage(text: string): SourceImage {
  const url = toImageUrl(text)
  return {
    name: toImageName(url),
    preview: null,
    hint: 'fal downloads it from its URL',
    read: () => Promise.resolve(url),
  }
}

function toDataUri(file: Blob): Promise<string> {
  const reader = new FileReader()
  return new Promise((resolve, reject) => {
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(new Error('The image can no longer be read. Choose it again.'))
    reader.readAsDataURL(file)
  })
}
