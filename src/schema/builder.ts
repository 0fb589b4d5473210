import SchemaBuilder from '@pothos/core'
import ComplexityPlugin from '@pothos/plugin-complexity'
import ErrorsPlugin from '@pothos/plugin-errors'
import RelayPlugin from '@pothos/plugin-relay'
import { GraphQLError, type GraphQLResolveInfo } from 'graphql'
import type { Context } from '../context.ts'
import type { PageArguments } from '../resolvers/connection.ts'
import { decodeNodeId, encodeNodeId, requireFewIds } from '../resolvers/ids.ts'

/**
 * The limits of a query. A complexity of 1 is the cost of one field of a job, about 10 µs of server and database time;
 * PRICES lists everything that costs more. A list of 100 jobs with all their fields costs 4,300. `totalCount` is extra,
 * and limited to one time range per query.
 */
export const LIMITS = { complexity: 6_000, depth: 14, breadth: 300 }

/** Costs of more than a plain field, measured with bench/expensive-queries.ts. */
export const PRICES = {
  /** A row by its id, for `nodes`, `node`, `job` and `retryOf`. */
  row: 15,
  /** A video; the videos of a page share one query. */
  video: 2,
  /** A text of up to 8,192 characters. */
  url: 4,
  /** A page of updates, whatever its length: a single update may hold a job's whole log. */
  updates: 150,
  /** The assumed number of log lines per update. */
  logLines: 5,
  /** A mutation that pays fal or stores something: five fit into one operation. */
  paid: 1_000,
  /** The assumed number of updates per subscription, which resolves its selection for each of them. */
  subscription: 50,
}

export const builder = new SchemaBuilder<{
  Context: Context
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
  plugins: [ComplexityPlugin, ErrorsPlugin, RelayPlugin],
  defaultFieldNullability: false,
  errors: { directResult: true },
  complexity: {
    limit: LIMITS,
    // The length of a list is known only at a connection's arguments: see pageComplexity.
    defaultListMultiplier: 1,
    complexityError: (kind, { complexity, depth, breadth }) =>
      new GraphQLError(
        `The query is too large (${kind.toLowerCase()}): it has complexity ${complexity}, depth ${depth}, breadth ${breadth}; at most ${LIMITS.complexity}, ${LIMITS.depth}, ${LIMITS.breadth} are allowed. Request fewer fields or smaller pages.`,
        { extensions: { code: 'QUERY_TOO_COMPLEX' } },
      ),
  },
  relay: {
    cursorType: 'String',
    encodeGlobalID: encodeNodeId,
    decodeGlobalID: decodeNodeId,
    nodeTypeOptions: { description: 'An object that can be fetched by its id.' },
    nodeQueryOptions: {
      description: 'The object with this id. Null when it does not exist or is not yours.',
      args: { id: { description: 'The `id` of a job or a video.' } },
      complexity: PRICES.row,
    },
    nodesQueryOptions: {
      description:
        'Up to 100 objects by their ids, in the order of the ids. Null for each that does not exist or is not yours.',
      args: { ids: { description: 'The `id`s of jobs and videos.' } },
      resolve: (_root, { ids }, _context, _info, resolveNodes) => resolveNodes(requireFewIds(ids)),
      complexity: ({ ids }: { ids?: unknown[] }) => {
        const count = ids?.length ?? 1
        return { field: 1 + PRICES.row * count, multiplier: count }
      },
    },
    idFieldOptions: { description: 'Globally unique, opaque id. Fetch the object again with `node`.' },
    pageInfoTypeOptions: { description: 'The position of a page in the whole list.' },
    hasNextPageFieldOptions: { description: 'True when the list continues after this page.' },
    hasPreviousPageFieldOptions: { description: 'True when the list has items before this page.' },
    startCursorFieldOptions: { description: 'The cursor of the first item. Null when the page is empty.' },
    endCursorFieldOptions: { description: 'The cursor of the last item. Null when the page is empty.' },
    edgesFieldOptions: {
      description: 'The items of this page, each with its cursor.',
      nullable: { list: false, items: false },
    },
    nodeFieldOptions: { description: 'The item.', nullable: false },
    cursorFieldOptions: { description: 'Opaque position in the list. Pass it as `after` or `before`.' },
    pageInfoFieldOptions: { description: 'The position of this page in the whole list.' },
    firstArgOptions: { description: 'The maximum number of items from the start of the list, 1 to 100.' },
    lastArgOptions: { description: 'The maximum number of items from the end of the list, 1 to 100.' },
    afterArgOptions: { description: 'Only items after this cursor.' },
    beforeArgOptions: { description: 'Only items before this cursor.' },
  },
})

/** An enum, from the description of each of its values. */
export function describedEnum<Value extends string>(
  name: string,
  description: string,
  descriptions: Readonly<Record<Value, string>>,
) {
  const values = Object.entries<string>(descriptions).map(([value, text]) => [value, { description: text }])
  return builder.enumType(name, {
    description,
    values: Object.fromEntries(values) as { [Name in Value]: { description: string } },
  })
}

/** The cost of a page: the fields of an item times the requested items, plus `field` for the page itself. */
export function pageComplexity({ first, last }: PageArguments, field = 1): { field: number; multiplier: number } {
  return { field, multiplier: Math.max(1, first ?? last ?? 20) }
}

/**
 * Rejects a too complex subscription before it starts. Without this the plugin checks the operation when a root field
 * is resolved, which is at the first update.
 */
export function affordable<Args extends object, Event>(
  subscribe: (root: unknown, args: Args, context: Context) => AsyncIterable<Event> | Promise<AsyncIterable<Event>>,
) {
  return (root: unknown, args: Args, context: Context, info: GraphQLResolveInfo) => {
    info.parentType.getFields()[info.fieldName]?.resolve?.(root, args, context, info)
    return subscribe(root, args, context)
  }
}
