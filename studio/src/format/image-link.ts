import { findLinkProblem, parseUrl } from '../../../src/jobs/image-link.ts'

/** Decodes a part of a URL for display. Invalid encoding stays as it is, because any user may submit such a link. */
export function decodeUrlPart(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** The name of a job's image: a short file name if the URL has one, otherwise its host. */
export function toImageName(imageUrl: string): string {
  const url = parseUrl(imageUrl)
  if (!url) return imageUrl
  if (/\/media\/images\/[^/]+$/.test(url.pathname)) return 'Uploaded image'
  const file = decodeUrlPart(url.pathname.split('/').at(-1) ?? '')
  return /\.\w{3,4}$/.test(file) && file.length <= 40 ? file : url.host
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
