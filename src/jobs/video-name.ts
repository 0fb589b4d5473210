/** What a video is, and a name to save it by: fal's words for both are a model's, and fit for neither as they come. */

/** What fal says of a file. */
export interface NamedFile {
  url: string
  contentType: string | null
  fileName: string | null
}

/** Endings of each type; the first is given to a name that has none of them. */
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

/** Endings of what a model works with: one that contradicts the type is replaced, any other is a part of the name. */
const OTHER_MEDIA = ['png', 'jpg', 'jpeg', 'webp', 'avif', 'heic', 'bmp', 'tif', 'tiff', 'svg', 'bin']

/** Longest name, in bytes of UTF-8: file systems take 255, and browsers put ` (1)` behind it. */
const MAX_NAME_BYTES = 200
/** What is read of a name, in characters. */
const MAX_READ = 1000

/** No file is made of these, or another than was named: by NTFS, by shells, by whoever reads it from right to left. */
const UNSAFE = /[<>:"|?*]/gu
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
/** Windows opens a device under these names, whatever the ending. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[\d¹²³])\s*(?:\.|$)/i

/**
 * The type of a video and a name to save it by: one segment, never empty, with an ending of that type. The bytes are not
 * read. A type of video that fal names counts; else the ending of its address, then of its name; else it is an MP4. Given
 * its own answer it changes nothing.
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

/** A GIF may be moving, and is one when its address says so too; no other picture is a video. */
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
    return segment // Its percent signs are no escapes.
  }
}

/** The name's last segment, safe and without its ending of media, which is told apart. */
function toStem(name: string): { stem: string; ending: string } {
  const segment = name.split(/[/\\]/).at(-1) ?? ''
  const text = segment.slice(0, MAX_READ).toWellFormed().normalize('NFC')
  const whole = trim(text.replaceAll(/\s+/gu, ' ').replaceAll(INVISIBLE, '').replaceAll(UNSAFE, '_'))
  const ending = /\.([a-z0-9]{1,5})$/i.exec(whole)?.[1]?.toLowerCase() ?? ''
  const isMedia = OTHER_MEDIA.includes(ending) || Object.values(ENDINGS).some((endings) => endings.includes(ending))
  return isMedia ? { stem: trim(whole.slice(0, -ending.length - 1)), ending } : { stem: whole, ending: '' }
}

/** Without what hides a file or makes an option of it at the start, and what Windows drops at the end. */
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
