import { InvalidArgumentError } from '../errors.ts'
import { decodeOpaque, encodeOpaque, UUID } from '../opaque-id.ts'

const NODE_TYPES = ['Job', 'Video']

/** The id that clients see, from a type and the row's id. */
export const encodeNodeId: (typename: string, id: string | number | bigint) => string = encodeOpaque

/** @throws InvalidArgumentError when the text is not an id of this API */
export function decodeNodeId(text: string): { typename: string; id: string } {
  const [typename = '', id = ''] = decodeOpaque(text) ?? []
  if (!NODE_TYPES.includes(typename) || !UUID.test(id))
    throw new InvalidArgumentError('id', 'Invalid id: expected the `id` of a job or a video from this API.')
  return { typename, id }
}

/** The id of a job's row; null when the text is not the id of a job. */
export function parseJobId(text: string): string | null {
  try {
    const { typename, id } = decodeNodeId(text)
    return typename === 'Job' ? id : null
  } catch {
    // Unknown, foreign and malformed ids look the same to the caller.
    return null
  }
}

/** The maximum number of ids for `nodes`. */
const MAX_NODES = 100

/** @throws InvalidArgumentError when there are more than `nodes` accepts */
export function requireFewIds<T>(ids: readonly T[]): T[] {
  if (ids.length > MAX_NODES)
    throw new InvalidArgumentError('ids', `\`ids\` must have at most ${MAX_NODES} items, but has ${ids.length}.`)
  return [...ids]
}
