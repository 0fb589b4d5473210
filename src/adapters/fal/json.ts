/** Parses what fal sends, which may be of any length and shape. */

/** Longest text that is parsed, in characters: as brackets that only open it takes 30 ms, and whoever parses is alone. */
export const MAX_JSON_LENGTH = 192 * 1024

export function toRecord(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null
}

/**
 * Undefined, which JSON cannot say, when it is not JSON, or too long to be parsed. What Python writes for numbers that are
 * none, `NaN` and `Infinity`, is null.
 */
export function parseJson(text: string, revive?: (name: string, value: unknown) => unknown): unknown {
  if (text.length > MAX_JSON_LENGTH) return undefined
  const parse = (json: string): unknown => {
    try {
      return JSON.parse(json, revive)
    } catch {
      return undefined // The caller knows the status, and so what the lack of JSON means.
    }
  }
  return (
    parse(text) ?? parse(text.replace(/^\uFEFF/, '').replace(NO_NUMBER, (word) => (word[0] === '"' ? word : 'null')))
  )
}

/** Strings are matched whole, and to the end of the text if they have none: so nothing is looked at twice. */
const NO_NUMBER = /"[^"\\]*(?:\\[\s\S][^"\\]*)*(?:"|\\?$)|-?\b(?:NaN|Infinity)\b/g
