import { findLinkProblem, parseUrl } from '../../../src/jobs/image-link.ts'

/** A part of a URL as it reads to a person. What is no valid encoding stays as it is: anybody may send such a link. */
export function decodePart(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** What to call the picture of a job: the name of its file if it has one that is short, or its host. */
export function toPictureName(imageUrl: string): string {
  const url = parseUrl(imageUrl)
  if (!url) return imageUrl
  if (/\/media\/images\/[^/]+$/.test(url.pathname)) return 'Uploaded picture'
  const file = decodePart(url.pathname.split('/').at(-1) ?? '')
  return /\.\w{3,4}$/.test(file) && file.length <= 40 ? file : url.host
}

/**
 * The link that somebody typed; it may leave https:// away before a host and a path, and have spaces, which are encoded.
 * @throws Error that says in the API's words what is wrong with it
 */
export function readLink(text: string): string {
  const typed = text.trim()
  const link = /^[\w-]+(\.[\w-]+)+\//.test(typed) ? `https://${typed}` : typed
  // Some browsers encode a space in the host too, which leads nowhere.
  const url = (/^https?:\/\/[^\s/?#]+(?:[/?#]|$)/i.test(link) && parseUrl(link)?.href) || link
  const problem = findLinkProblem(url)
  if (problem !== null) throw new Error(`The link ${problem}`)
  return url
}
