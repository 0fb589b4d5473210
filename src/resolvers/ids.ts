import { InvalidArgumentError } from '../errors.ts'

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** Longest id that is decoded, in characters: ours have 54 at most. */
const MAX_ID_LENGTH = 100
const NODE_TYPES = ['Job', 'Video']

/** The id that clients see: the type and the row's id, in one opaque word. */
export function encodeNodeId(typename: string, id: string | number | bigint): string {
  return Buffer.from(`${typename}:${id}`).toString('base64url')
}

/** @throws InvalidArgumentError when the text is no id that this API gives out */
export function decodeNodeId(text: string): { typename: string; id: string } {
  const [typename = '', id = ''] =
    text.length > MAX_ID_LENGTH ? [] : Buffer.from(text, 'base64url').toString('latin1').split(':', 2)
  // Encoding again refuses the many spellings that a lenient base64 decoder lets through.
  if (!NODE_TYPES.includes(typename) || !UUID.test(id) || encodeNodeId(typename, id) !== text)
    throw new InvalidArgumentError('id', 'Invalid id: expected the `id` of a job or a video from this API.')
  return { typename, id }
}

/** The row's id of a job; null for whatever cannot be the id of one. */
export function parseJobId(text: string): string | null {
  try {
    const { typename, id } = decodeNodeId(text)
    return typename === 'Job' ? id : null
  } catch {
    // Unknown, foreign and malformed ids look the same to the caller.
    return null
  }
}

/** How many ids `nodes` takes. */
const MAX_NODES = 100

/** @throws InvalidArgumentError when there are more than `nodes` takes */
export function requireFewIds<T>(ids: readonly T[]): T[] {
  if (ids.length > MAX_NODES)
    throw new InvalidArgumentError('ids', `\`ids\` must have at most ${MAX_NODES} items, but has ${ids.length}.`)
  return [...ids]
}
