/** The media type and a safe file name of a video: a model reports both, and neither is reliable. */

/** A file as fal reports it. */
interface NamedFile {
  url: string
  contentType: string | null
  fileName: string | null
}

/** File extensions of each type. The first is appended to a name that has none of them. */
const ENDINGS: Readonly<Record<string, readonly string[]>> = {
  'video/mp4': ['mp4', 'm4v'],
  'video/webm': ['webm'],
  'video/quicktime': ['mov', 'qt'],
  'video/x-matroska': ['mkv'],
  'video/x-msvideo': ['avi'],
  'video/mpeg': ['mpg', 'mpeg'],
  'video/ogg': ['ogv'],
  'video/3gpp': ['3gp'],
  'video/mp2t': ['ts'],
  'image/gif': ['gif'],
}

/**
 * Extensions of other media: these are replaced when they contradict the type; any other extension is part of the name.
 */
const OTHER_MEDIA = ['png', 'jpg', 'jpeg', 'webp', 'avif', 'heic', 'bmp', 'tif', 'tiff', 'svg', 'bin']

/** Longest name, in bytes of UTF-8: file systems allow 255, and browsers append ` (1)`. */
const MAX_NAME_BYTES = 200
/** The part of a name that is read, in characters. */
const MAX_READ = 1000

/** Characters that NTFS forbids or shells interpret. INVISIBLE includes those that reverse the reading direction. */
const UNSAFE = /[<>:"|?*]/gu
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
/** Windows opens a device under these names, with any extension. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[\d¹²³])\s*(?:\.|$)/i

/**
 * Returns the media type of a video and a file name: one segment, never empty, with an extension of that type. Does not
 * read the bytes. A video type that fal reports wins; then the extension of the URL, then of the name; otherwise MP4.
 * Idempotent.
 */
export function toVideoFile({ url, contentType, fileName }: NamedFile): { contentType: string; fileName: string } {
  const [named, located] = [toStem(fileName ?? ''), toStem(toLastSegment(url))]
  const known =
    toVideoType(contentType, located.ending) ?? byEnding(located.ending) ?? byEnding(named.ending) ?? 'video/mp4'
  const { stem, ending } = [named, located].find((source) => source.stem !== '') ?? { stem: 'video', ending: '' }
  const endings = ENDINGS[known] ?? Object.values(ENDINGS).flat()
  const fitting = endings.includes(ending) ? ending : (endings[0] ?? 'mp4')
  const safe = DEVICE.test(stem) ? `_${stem}` : stem
  return { contentType: known, fileName: `${cutToBytes(safe, MAX_NAME_BYTES - fitting.length - 1)}.${fitting}` }
}

/** A GIF counts as a video when its URL ends in .gif too; no other image does. */
function toVideoType(contentType: string | null, endingOfUrl: string): string | undefined {
  const essence = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (/^video\/[\w.+-]{1,60}$/.test(essence)) return essence
  return essence === 'image/gif' && endingOfUrl === 'gif' ? essence : undefined
}

function byEnding(ending: string): string | undefined {
  return Object.keys(ENDINGS).find((type) => type !== 'image/gif' && ENDINGS[type]?.includes(ending))
}

function toLastSegment(url: string): string {
  const segment = URL.parse(url)?.pathname.split('/').at(-1) ?? ''
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment // Its percent signs are not escapes.
  }
}

/** The last segment of a name, sanitized, with its media extension split off. */
function toStem(name: string): { stem: string; ending: string } {
  const segment = name.split(/[/\\]/).at(-1) ?? ''
  const text = segment.slice(0, MAX_READ).toWellFormed().normalize('NFC')
  const whole = trim(text.replaceAll(/\s+/gu, ' ').replaceAll(INVISIBLE, '').replaceAll(UNSAFE, '_'))
  const ending = /\.([a-z0-9]{1,5})$/i.exec(whole)?.[1]?.toLowerCase() ?? ''
  const isMedia = OTHER_MEDIA.includes(ending) || Object.values(ENDINGS).some((endings) => endings.includes(ending))
  return isMedia ? { stem: trim(whole.slice(0, -ending.length - 1)), ending } : { stem: whole, ending: '' }
}

/** Removes leading characters that hide a file or look like an option, and trailing ones that Windows drops. */
function trim(text: string): string {
  return text.replace(/^[\s.~-]+/u, '').replace(/[\s.]+$/u, '')
}

function cutToBytes(text: string, maxBytes: number): string {
  let bytes = 0
  let cut = ''
  for (const character of text) {
    bytes += Buffer.byteLength(character)
    if (bytes > maxBytes) break
    cut += character
  }
  return trim(cut)
}
