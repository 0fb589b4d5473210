import SchemaBuilder from '@pothos/core'
import ComplexityPlugin from '@pothos/plugin-complexity'
import ErrorsPlugin from '@pothos/plugin-errors'
import PrismaPlugin from '@pothos/plugin-prisma'
import RelayPlugin from '@pothos/plugin-relay'
import { GraphQLError, type GraphQLResolveInfo } from 'graphql'
import type { Context } from '../context.ts'
import type PrismaTypes from '../generated/pothos.ts'
import { getDatamodel } from '../generated/pothos.ts'
import { decodeNodeId, encodeNodeId, requireFewIds } from '../resolvers/ids.ts'

/**
 * What a query may cost, and how deep and broad it may be written. One is what a field of a job costs, about 10 µs of the
 * server and the database together; what costs more has its price in PRICES. All that a list shows of 100 jobs
 * costs 4,300. A `totalCount` comes on top: it is counted for one range of time.
 */
export const LIMITS = { complexity: 6_000, depth: 14, breadth: 300 }

/** What costs more than a field, measured with bench/expensive-queries.ts. */
export const PRICES = {
  /** A row by its id, for `nodes`, `node`, `job` and `retryOf`. */
  row: 15,
  /** A video; those of a page are read at once. */
  video: 2,
  /** A text of up to 8,192 characters. */
  url: 4,
  /** A page of updates. One update may hold all that is kept of a job's log, so that the page's length tells nothing. */
  updates: 150,
  /** How many log lines an update counts for. */
  logLines: 5,
  /** A mutation that pays fal, or stores something: five fit in one operation. */
  paid: 1_000,
  /** How many updates a subscription counts for: it pays its selection for each, for as long as it lasts. */
  subscription: 50,
}

export const builder = new SchemaBuilder<{
  Context: Context
  PrismaTypes: PrismaTypes
  DefaultFieldNullability: false
  DefaultEdgesNullability: { list: false; items: false }
  DefaultNodeNullability: false
  Scalars: {
    ID: { Input: string; Output: string }
    DateTime: { Input: Date; Output: Date }
    URL: { Input: string; Output: string }
    SafeInt: { Input: number; Output: number | bigint }
    File: { Input: Blob; Output: never }
  }
}>({
  plugins: [ComplexityPlugin, ErrorsPlugin, RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  errors: { directResult: true },
  complexity: {
    limit: LIMITS,
    // A list's length is told where it is known: at the connection's arguments.
    defaultListMultiplier: 1,
    complexityError: (kind, { complexity, depth, breadth }) =>
      new GraphQLError(
        `The query is too large (${kind.toLowerCase()}): it has complexity ${complexity}, depth ${depth}, breadth ${breadth}; at most ${LIMITS.complexity}, ${LIMITS.depth}, ${LIMITS.breadth} are allowed. Ask for fewer fields or smaller pages.`,
        { extensions: { code: 'QUERY_TOO_COMPLEX' } },
      ),
  },
  prisma: { client: (context) => context.db, dmmf: getDatamodel(), onUnusedQuery: null },
  relay: {
    cursorType: 'String',
    encodeGlobalID: encodeNodeId,
    decodeGlobalID: decodeNodeId,
    nodeTypeOptions: { description: 'Anything that can be fetched again by its id.' },
    nodeQueryOptions: {
      description: 'Anything by its id; null when there is no such thing that you may see.',
      args: { id: { description: 'The `id` of a job or a video.' } },
      complexity: PRICES.row,
    },
    nodesQueryOptions: {
      description: 'Many things by their ids, at most 100, in the order of the ids; null for each that is not there.',
      args: { ids: { description: 'The `id`s of jobs and videos.' } },
      resolve: (_root, { ids }, _context, _info, resolveNodes) => resolveNodes(requireFewIds(ids)),
      complexity: ({ ids }: { ids?: unknown[] }) => {
        const count = ids?.length ?? 1
        return { field: 1 + PRICES.row * count, multiplier: count }
      },
    },
    idFieldOptions: { description: 'Globally unique and opaque: fetch this again with `node`.' },
    pageInfoTypeOptions: { description: 'Where a page stands in the whole list.' },
    hasNextPageFieldOptions: { description: 'True when something follows after this page.' },
    hasPreviousPageFieldOptions: { description: 'True when something stands before this page.' },
    startCursorFieldOptions: { description: 'Cursor of the first item; null when the page is empty.' },
    endCursorFieldOptions: { description: 'Cursor of the last item; null when the page is empty.' },
    edgesFieldOptions: {
      description: 'The items of this page, each with its cursor.',
      nullable: { list: false, items: false },
    },
    nodeFieldOptions: { description: 'The item.', nullable: false },
    cursorFieldOptions: { description: 'Opaque place in the list; send it back as `after` or `before`.' },
    pageInfoFieldOptions: { description: 'Where this page stands in the whole list.' },
    firstArgOptions: { description: 'How many at most, counted from the start: 1 to 100.' },
    lastArgOptions: { description: 'How many at most, counted from the end: 1 to 100.' },
    afterArgOptions: { description: 'Only what comes after this cursor.' },
    beforeArgOptions: { description: 'Only what comes before this cursor.' },
  },
})

interface PageSize {
  first?: number | null | undefined
  last?: number | null | undefined
}

/** What a page costs: every field of an item, times the items that were asked for; `field` is for the page itself. */
export function pageComplexity({ first, last }: PageSize, field = 1): { field: number; multiplier: number } {
  return { field, multiplier: Math.max(1, first ?? last ?? 20) }
}

/**
 * Refuses a subscription that costs too much before it begins. By itself the plugin looks at an operation when a field of
 * its root is resolved, which is at the first update.
 */
export function affordable<Args extends object, Event>(
  subscribe: (root: unknown, args: Args, context: Context) => AsyncIterable<Event> | Promise<AsyncIterable<Event>>,
) {
  return (root: unknown, args: Args, context: Context, info: GraphQLResolveInfo) => {
    info.parentType.getFields()[info.fieldName]?.resolve?.(root, args, context, info)
    return subscribe(root, args, context)
  }
}
