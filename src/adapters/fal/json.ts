/** A JSON parser with limits, for input of any length and shape. */

/** Longest text that is parsed, in characters. Parsing that many opening brackets blocks the process for 30 ms. */
export const MAX_JSON_LENGTH = 192 * 1024

export function toRecord(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null
}

/**
 * The parsed value, or undefined when the text is not JSON or too long to be parsed. `NaN` and `Infinity`, which Python
 * writes into JSON, are read as null.
 */
export function parseJson(text: string, revive?: (name: string, value: unknown) => unknown): unknown {
  if (text.length > MAX_JSON_LENGTH) return undefined
  const parse = (json: string): unknown => {
    try {
      return JSON.parse(json, revive)
    } catch {
      return undefined // The caller decides by the HTTP status what invalid JSON means.
    }
  }
  return (
    parse(text) ?? parse(text.replace(/^\uFEFF/, '').replace(NO_NUMBER, (word) => (word[0] === '"' ? word : 'null')))
  )
}

/** Matches strings whole, an unterminated one up to the end of the text: linear in the text. */
const NO_NUMBER = /"[^"\\]*(?:\\[\s\S][^"\\]*)*(?:"|\\?$)|-?\b(?:NaN|Infinity)\b/g
