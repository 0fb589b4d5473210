import { readLink, toPictureName } from '../words/link.ts'
import { toPreview } from './previews.ts'

/** A picture to begin with. */
export interface Picture {
  /** What to call it: the name of its file, or its host. */
  name: string
  /** A data URI to show; null for a picture of another host, which this page does not load. */
  preview: string | null
  /** What to say where there is no preview. */
  hint: string | null
  /** What the API takes as imageUrl. */
  read(): Promise<string>
}

/** Telling formats apart takes as much script as half of the page: it is loaded after it, while the line still stands. */
export const loadImageRules = () => import('../../../src/jobs/image.ts')

/** @throws Error that says in the API's words why the file will not do */
export async function openPicture(file: File): Promise<Picture> {
  const { checkImageFile } = await loadImageRules().catch(() => {
    throw new Error('The picture cannot be looked at just now. Check your connection and load this page again.')
  })
  const { contentType, problem } = await checkImageFile(file).catch(() => {
    throw new Error('The picture cannot be read. Choose it again.')
  })
  if (problem) throw new Error(problem.message)
  // Browsers make the type of the ending, which may be another one.
  const picture = new Blob([file], { type: contentType })
  // What this browser cannot draw may still be an image to fal, as it is to the API.
  const preview = await toPreview(picture).catch(() => null)
  const hint = preview === null ? 'This browser cannot show it: it may be damaged' : null
  return { name: file.name || 'Pasted picture', preview, hint, read: () => toDataUri(picture) }
}

/** @throws Error when it is no link */
export function linkPicture(text: string): Picture {
  const url = readLink(text)
  return {
    name: toPictureName(url),
    preview: null,
    hint: 'fal fetches it from there',
    read: () => Promise.resolve(url),
  }
}

function toDataUri(file: Blob): Promise<string> {
  const reader = new FileReader()
  return new Promise((resolve, reject) => {
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(new Error('The picture can no longer be read. Choose it again.'))
    reader.readAsDataURL(file)
  })
}
