import SchemaBuilder from '@pothos/core'
import ComplexityPlugin from '@pothos/plugin-complexity'
import ErrorsPlugin from '@pothos/plugin-errors'
import PrismaPlugin from '@pothos/plugin-prisma'
import RelayPlugin from '@pothos/plugin-relay'
import { GraphQLError } from 'graphql'
import type { Context } from '../context.ts'
import type PrismaTypes from '../generated/pothos.ts'
import { getDatamodel } from '../generated/pothos.ts'
import { decodeNodeId, encodeNodeId, requireFewIds } from '../resolvers/ids.ts'

/** What a query may cost: the number of fields it can answer with, and how deep and broad it is written. */
const LIMITS = { complexity: 20_000, depth: 14, breadth: 300 }

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
    },
    nodesQueryOptions: {
      description: 'Many things by their ids, at most 100, in the order of the ids; null for each that is not there.',
      args: { ids: { description: 'The `id`s of jobs and videos.' } },
      resolve: (_root, { ids }, _context, _info, resolveNodes) => resolveNodes(requireFewIds(ids)),
      complexity: ({ ids }: { ids?: unknown[] }) => ({ field: 1, multiplier: ids?.length ?? 1 }),
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

/** What one page costs: every field of an item, times the items that were asked for. */
export function pageComplexity({
  first,
  last,
}: {
  first?: number | null | undefined
  last?: number | null | undefined
}): { field: number; multiplier: number } {
  return { field: 1, multiplier: Math.max(1, first ?? last ?? 20) }
}
