/** True when Postgres and UTF-8 can hold the text: no NUL character, no unpaired surrogate. */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

/** The nearest storable text, for text that fal wrote. A client's text is refused instead. */
export function toStorableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '')
}
