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
  const url = URL.parse(imageUrl)
  if (!url) return imageUrl
  if (url.pathname.startsWith('/media/images/')) return 'Uploaded picture'
  const file = decodePart(url.pathname.split('/').at(-1) ?? '')
  return /\.\w{3,4}$/.test(file) && file.length <= 40 ? file : url.host
}

/**
 * The link that somebody typed; it may leave https:// away.
 * @throws Error when it is no link
 */
export function readLink(text: string): string {
  const link = text.trim()
  const url = URL.parse(/^[\w-]+(\.[\w-]+)+([/?#]|$)/.test(link) ? `https://${link}` : link)
  if (!url || !/^https?:$/.test(url.protocol)) throw new Error('Paste a whole link, one that begins with https://')
  return url.href
}
