import { stripVTControlCharacters } from 'node:util'
import type { InputIssue } from './errors.ts'
import { OPTION_OF_SETTING } from './options.ts'

/** Makes foreign text safe for a terminal: one line without escape sequences, control characters or bidirectional overrides. */
export function toSafeText(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, ' ')
    .trimEnd()
}

/** Describes a problem, prefixed with the option or argument that it concerns. */
export function toIssueLine({ path, message }: InputIssue): string {
  const subject = toSubject(path)
  return subject === null ? toSafeText(message) : `${subject}: ${toSafeText(message)}`
}

function toSubject(path: readonly string[]): string | null {
  const name = path[0] === 'input' ? path[1] : path[0]
  if (name === undefined || name === 'idempotencyKey') return null
  if (name === 'imageUrl' || name === 'file') return 'IMAGE'
  return Object.hasOwn(OPTION_OF_SETTING, name)
    ? OPTION_OF_SETTING[name as keyof typeof OPTION_OF_SETTING]
    : path.join('.')
}

/** 1.3 MB, 214 kB, 12 bytes: decimal units, as disks and browsers show them. */
export function toSizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} byte${bytes === 1 ? '' : 's'}`
  const [unit, value] =
    bytes < 999_500 ? ['kB', bytes / 1e3] : bytes < 999_500_000 ? ['MB', bytes / 1e6] : ['GB', bytes / 1e9]
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`
}

/** 0:07, 12:30, 1:02:03. */
export function toDurationText(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  const two = (number: number): string => String(number).padStart(2, '0')
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}
