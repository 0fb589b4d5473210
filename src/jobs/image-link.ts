/** Checks the URL of an image. Shared by the API, the command line and the studio. */

/** Longest accepted URL, in characters. */
const MAX_LINK_LENGTH = 8192

/**
 * The rule that the URL breaks, as the end of a sentence that starts with the name of the setting; null when it is
 * valid. Checks the text as it is stored and sent, since URL parsers tolerate different errors.
 */
export function findLinkProblem(text: string): string | null {
  if (text.trim() === '') return 'is empty: expected an http or https URL.'
  if (BASE64_OF_IMAGE.test(text)) return 'is base64 without its prefix: put data:image/jpeg;base64, before it.'
  if (LOCAL_PATH.test(text)) return 'is a file path: use a full URL, or upload the file.'
  if (text.length > MAX_LINK_LENGTH)
    return `is longer than ${MAX_LINK_LENGTH} characters: use a shorter URL, or upload the image.`
  const [wrong] = WRONG_CHARACTER.exec(text) ?? []
  if (wrong !== undefined) return describeCharacter(text, wrong)
  if (!/^https?:\/\//i.test(text)) return describeStart(text)
  if (/^https?:\/\/[^/?#]*@/i.test(text)) return 'contains a user name or password: remove everything up to the @.'
  if (/^https?:\/\/(?:[/?#:]|$)/i.test(text)) return 'has no host after //.'
  return parseUrl(text) ? null : 'has an invalid host or port: correct the part after //.'
}

/** `URL.parse` and `URL.canParse` are newer than some supported browsers. */
export function parseUrl(text: string): URL | null {
  try {
    return new URL(text)
  } catch {
    return null
  }
}

/** Decodes a part of a URL for display. Invalid encoding stays as it is, because any user may submit such a link. */
export function decodeUrlPart(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

const BASE64_OF_IMAGE = /^\s*(?:\/9j\/|iVBORw0KGgo|UklGR)/
const LOCAL_PATH = /^\s*(?:file:|[a-z]:[\\/]|\\\\|~?\/(?!\/)|\.\.?[\\/])/i
const WRONG_CHARACTER = /[\s\p{Cc}\\]/u

function describeCharacter(text: string, character: string): string {
  const index = text.indexOf(character)
  const isAtAnEnd = index === 0 || text.trimEnd().length <= index
  const isInHost = /^https?:\/\/[^/?#]*$/i.test(text.slice(0, index))
  const remedy = isAtAnEnd || isInHost || character !== ' ' ? 'remove it' : 'write %20'
  const place = `at character ${index + 1}`
  if (character === '\\') return `has a backslash ${place}: use / instead.`
  if (character === ' ') return `has a space ${place}: ${remedy}.`
  if (character === '\n' || character === '\r') return `has a line break ${place}: remove it.`
  const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
  return `has U+${code}, which is not allowed in URLs, ${place}: remove it.`
}

function describeStart(text: string): string {
  if (/^https?:/i.test(text)) return 'needs // and a host after http: or https:.'
  if (/^[^\p{L}\p{N}]+https?:\/\//iu.test(text)) return 'must start with http: remove the text before it.'
  const [scheme] = /^[a-z][a-z\d+.-]{0,19}:(?!\d)/i.exec(text) ?? []
  if (scheme === undefined) return 'has no https:// at the start: use a full URL, or upload the file.'
  if (scheme.toLowerCase() === 'blob:')
    return 'is a blob: URL, which only the page that created it can read: upload the image.'
  return `starts with ${scheme} instead of https:// or http://.`
}
