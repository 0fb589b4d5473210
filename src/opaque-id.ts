/** Ids and cursors as clients see them: `first:second` in base64url. */

const MAX_LENGTH = 100

export const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export function encodeOpaque(first: string, second: string | number | bigint): string {
  return Buffer.from(`${first}:${second}`).toString('base64url')
}

/** The two parts of an id or a cursor; null when the text is not exactly what {@link encodeOpaque} returns for them. */
export function decodeOpaque(text: string): [first: string, second: string] | null {
  // The longest valid text has 63 characters.
  if (text.length > MAX_LENGTH) return null
  const [first = '', second = ''] = Buffer.from(text, 'base64url').toString('latin1').split(':', 2)
  // A lenient base64 decoder accepts many spellings; encoding again rejects all but one.
  return encodeOpaque(first, second) === text ? [first, second] : null
}
