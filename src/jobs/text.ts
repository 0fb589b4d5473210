/** True when Postgres and UTF-8 can hold the text: no NUL character, no half of a surrogate pair. */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

/** The nearest text that Postgres can hold. For what others say; what clients say is refused instead. */
export function toStorableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '')
}
