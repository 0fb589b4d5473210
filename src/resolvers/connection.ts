import { InvalidArgumentError } from '../errors.ts'

export interface PageArguments {
  first?: number | null | undefined
  after?: string | null | undefined
  last?: number | null | undefined
  before?: string | null | undefined
}

/** The valid arguments of a page. */
export interface PageRequest {
  limit: number
  /** True: counted from the end of the list. */
  fromEnd: boolean
}

export interface Connection<T> {
  edges: { cursor: string; node: T }[]
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null }
}

const MAX_PAGE = 100
const DEFAULT_PAGE = 20

/** @throws InvalidArgumentError when `first` or `last` is not 1 to 100, or both are given */
export function parsePage({ first, last }: PageArguments): PageRequest {
  if (first != null && last != null) throw new InvalidArgumentError('last', 'Use either `first` or `last`, not both.')
  for (const [name, count] of Object.entries({ first, last }))
    if (count != null && (count < 1 || count > MAX_PAGE))
      throw new InvalidArgumentError(name, `\`${name}\` must be 1 to ${MAX_PAGE}, but is ${count}.`)
  return { limit: first ?? last ?? DEFAULT_PAGE, fromEnd: last != null }
}

/**
 * A connection of rows in list order. `rows` was read with `limit + 1`: the extra row, at the far end of the page,
 * shows that the list continues.
 */
export function toConnection<T>(
  rows: readonly T[],
  request: PageRequest,
  { after, before }: PageArguments,
  toCursor: (row: T) => string,
): Connection<T> {
  const { limit, fromEnd } = request
  const hasMore = rows.length > limit
  const kept = fromEnd ? rows.slice(-limit) : rows.slice(0, limit)
  const edges = kept.map((node) => ({ cursor: toCursor(node), node }))
  return {
    edges,
    pageInfo: {
      hasNextPage: fromEnd ? before != null : hasMore,
      hasPreviousPage: fromEnd ? hasMore : after != null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  }
}
