const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** A duration as on a clock: 0:07, 1:05, 2:03:09. Negative durations, which clock skew causes, count as 0. */
export function toClock(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / SECOND)
  const minutes = Math.floor(seconds / 60)
  const pad = (value: number) => String(value).padStart(2, '0')
  if (minutes < 60) return `${minutes}:${pad(seconds % 60)}`
  return `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(seconds % 60)}`
}

/** A duration with units: 7 s, 1 min 5 s, 2 h 3 min. */
export function toDuration(ms: number): string {
  const seconds = Math.round(Math.max(0, ms) / SECOND)
  const minutes = Math.floor(seconds / 60)
  if (minutes === 0) return `${seconds} s`
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** The age of a moment: just now, 5 min ago, 3 h ago, yesterday, 12 Nov 2026. */
export function toAgo(then: number, now: number): string {
  const ms = Math.max(0, now - then)
  if (ms < MINUTE) return 'just now'
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ago`
  if (ms < 2 * DAY) return 'yesterday'
  return new Date(then).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })
}

/** The start of a condition: 14:02, or the date and the time if it was at least one day ago. */
export function toSince(then: number, now: number): string {
  if (now - then >= DAY) return toMoment(new Date(then).toISOString())
  return new Date(then).toLocaleTimeString('en-GB', { timeStyle: 'short' })
}

/** The date and the time in seconds, in the user's time zone. */
export function toMoment(time: string): string {
  return new Date(time).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })
}

/** 1.2 MB, 340 kB. */
export function toSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`
  return bytes < 999_500 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}
