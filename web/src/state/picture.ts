import { readLink, toPictureName } from '../words/link.ts'
import { toSize } from '../words/time.ts'
import { toPreview } from './previews.ts'

/** A picture to begin with. */
export interface Picture {
  /** What to call it: the name of its file, or its host. */
  name: string
  /** A data URI to show; null for a picture of another host, which this page does not load. */
  preview: string | null
  /** What the API takes as imageUrl. */
  read(): Promise<string>
}

/** The API's limit. */
const MOST_BYTES = 10 * 1024 * 1024
export const PICTURE_TYPES = ['image/jpeg', 'image/png', 'image/webp']

/** @throws Error that says in words why the file will not do */
export async function openPicture(file: File): Promise<Picture> {
  if (!PICTURE_TYPES.includes(file.type))
    throw new Error(`${file.name || 'This'} is not a JPEG, PNG or WebP picture. Choose one that is.`)
  if (file.size > MOST_BYTES)
    throw new Error(`${file.name || 'This picture'} has ${toSize(file.size)}; 10 MB is the most. Choose a smaller one.`)
  const preview = await toPreview(file).catch(() => {
    throw new Error(`${file.name || 'This picture'} cannot be read: it seems to be damaged. Choose another.`)
  })
  return { name: file.name || 'Pasted picture', preview, read: () => toDataUri(file) }
}

/** @throws Error when it is no link */
export function linkPicture(text: string): Picture {
  const url = readLink(text)
  return { name: toPictureName(url), preview: null, read: () => Promise.resolve(url) }
}

function toDataUri(file: Blob): Promise<string> {
  const reader = new FileReader()
  return new Promise((resolve, reject) => {
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(new Error('The picture can no longer be read. Choose it again.'))
    reader.readAsDataURL(file)
  })
}
