/** True when Postgres and UTF-8 can store the text: no NUL character, no lone surrogate. */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

/** The nearest text that Postgres can store, for text from fal. Unstorable text from clients is rejected instead. */
export function toStorableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '')
}
