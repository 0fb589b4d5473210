import { decodeUrlPart, findLinkProblem, parseUrl } from '../../../src/jobs/image-link.ts'

/** The name of a job's image: a short file name if the URL has one, otherwise its host. */
export function toImageName(imageUrl: string): string {
  const url = parseUrl(imageUrl)
  if (!url) return imageUrl
  if (isServerImage(url)) return 'Uploaded image'
  const file = decodeUrlPart(url.pathname.split('/').at(-1) ?? '')
  return /\.\w{3,4}$/.test(file) && file.length <= 40 ? file : url.host
}

/** Whether the URL is this server's, for an image that may not have been uploaded to fal yet. */
export function isServerImage({ pathname }: URL): boolean {
  return /\/media\/images\/[^/]+$/.test(pathname)
}

/**
 * The URL of a typed link. Adds a missing https:// before a host and a path, and encodes spaces.
 * @throws Error with the API's message when the link is invalid
 */
export function toImageUrl(text: string): string {
  const typed = text.trim()
  const link = /^[\w-]+(\.[\w-]+)+\//.test(typed) ? `https://${typed}` : typed
  // Some browsers also encode a space in the host, which makes a host that does not exist.
  const url = (/^https?:\/\/[^\s/?#]+(?:[/?#]|$)/i.test(link) && parseUrl(link)?.href) || link
  const problem = findLinkProblem(url)
  if (problem !== null) throw new Error(`The URL ${problem}`)
  return url
}
