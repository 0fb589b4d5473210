import { InvalidArgumentError } from '../errors.ts'

export interface PageArguments {
  first?: number | null | undefined
  after?: string | null | undefined
  last?: number | null | undefined
  before?: string | null | undefined
}

/** The rows to read for a page. */
interface PageRange<Cursor> {
  after?: Cursor
  before?: Cursor
  /** One more than the page has: the extra row, at its far end, shows that the list continues. */
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

/** @throws InvalidArgumentError when `first` or `last` is not 1 to 100, or both are given, or as `parseCursor` does */
export function parsePage<Cursor>(
  { first, last, after, before }: PageArguments,
  parseCursor: (cursor: string, argument: string) => Cursor,
): PageRange<Cursor> {
  if (first != null && last != null) throw new InvalidArgumentError('last', 'Use either `first` or `last`, not both.')
  for (const [name, count] of Object.entries({ first, last }))
    if (count != null && (count < 1 || count > MAX_PAGE))
      throw new InvalidArgumentError(name, `\`${name}\` must be 1 to ${MAX_PAGE}, but is ${count}.`)
  return {
    ...(after != null && { after: parseCursor(after, 'after') }),
    ...(before != null && { before: parseCursor(before, 'before') }),
    limit: (first ?? last ?? DEFAULT_PAGE) + 1,
    fromEnd: last != null,
  }
}

/** A connection of the range's rows, in list order. */
export function toConnection<T>(
  rows: readonly T[],
  { after, before, limit, fromEnd }: PageRange<unknown>,
  toCursor: (row: T) => string,
): Connection<T> {
  const hasMore = rows.length === limit
  const kept = fromEnd ? rows.slice(1 - limit) : rows.slice(0, limit - 1)
  const edges = kept.map((node) => ({ cursor: toCursor(node), node }))
  return {
    edges,
    pageInfo: {
      hasNextPage: fromEnd ? before !== undefined : hasMore,
      hasPreviousPage: fromEnd ? hasMore : after !== undefined,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  }
}
