import DataLoader from 'dataloader'
import { type GraphQLResolveInfo, Kind, type SelectionSetNode } from 'graphql'
import type { Context } from '../context.ts'
import { QueryTooComplexError } from '../errors.ts'
import type { Job } from '../generated/prisma/client.ts'
import { parseCursor, toCursor } from '../updates/cursor.ts'
import type { LogLine, Update } from '../updates/update.ts'
import type { UpdateRange } from '../updates/update-log.ts'
import { countText } from './answer-size.ts'
import { type Connection, type PageArguments, parsePage, toConnection } from './connection.ts'
import { job } from './jobs.ts'

/** Subscription.jobProgress */
export async function jobProgress(
  root: unknown,
  { id, after }: { id: string; after?: string | null | undefined },
  context: Context,
): Promise<AsyncIterable<Update>> {
  const { id: jobId } = await job(root, { id }, context)
  return context.streams.ofJob(jobId, after == null ? null : parseCursor(after, jobId, 'after'))
}

/** Subscription.jobFeed */
export function jobFeed(_root: unknown, _args: unknown, { streams, viewer }: Context): AsyncIterable<Update> {
  return streams.ofOwner(viewer.ownerId)
}

/** JobUpdate.cursor */
export function updateCursor({ jobId, sequence }: Update): string {
  return toCursor(jobId, sequence)
}

/** Most log line fields per operation: all three fields of 3,333 lines. Each takes 1.6 µs. */
const MAX_LINE_FIELDS = 10_000

/** JobUpdate.logs. Their fields are counted, since no query shows how long a log is. @throws QueryTooComplexError */
export function logsOfUpdate({ logs }: Update, _args: unknown, context: Context, info: GraphQLResolveInfo): LogLine[] {
  // The complexity of a subscription already includes its updates.
  if (info.operation.operation === 'subscription') return logs
  context.lineFields += logs.length * countFields(info)
  if (context.lineFields > MAX_LINE_FIELDS)
    throw new QueryTooComplexError('The query is too large: its `logs` are very long. Request fewer jobs or updates.')
  return logs
}

/** LogLine.message */
export function messageOfLine({ message }: LogLine, _args: unknown, context: Context, info: GraphQLResolveInfo) {
  return countText(message, context, info)
}

/** The number of selected fields, including those in fragments. */
function countFields({ fieldNodes, fragments }: GraphQLResolveInfo): number {
  // Each fragment counts once, as its fields resolve once; expanded, a few fragments could stand for billions of fields.
  const seen = new Set<SelectionSetNode>()
  const count = (selectionSet: SelectionSetNode | undefined): number => {
    if (!selectionSet || seen.has(selectionSet)) return 0
    seen.add(selectionSet)
    return selectionSet.selections.reduce((sum, selection) => {
      if (selection.kind === Kind.FIELD) return sum + 1
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments[selection.name.value]
      return sum + count(fragment?.selectionSet)
    }, 0)
  }
  return fieldNodes.reduce((sum, { selectionSet }) => sum + count(selectionSet), 0)
}

/** JobUpdate.job */
export function jobOfUpdate({ jobId }: Update, _args: unknown, { jobs }: Context): Promise<Job> {
  return jobs.load(jobId)
}

/** Job.updates */
export async function updatesOfJob({ id }: Job, page: PageArguments, context: Context): Promise<Connection<Update>> {
  const range = parsePage(page, (cursor, argument) => parseCursor(cursor, id, argument))
  const rows = await updatePages(context, range).load(id)
  return toConnection(rows, range, updateCursor)
}

/** One query reads the pages of all jobs of an operation that request the same range. */
function updatePages({ log, updatePages: loaders }: Context, range: UpdateRange): DataLoader<string, Update[]> {
  const key = JSON.stringify(range)
  const loader =
    loaders.get(key) ??
    new DataLoader<string, Update[]>(
      async (jobIds) => {
        const pages = await log.readMany(jobIds, range)
        return jobIds.map((jobId) => pages.get(jobId) ?? [])
      },
      { cache: false },
    )
  loaders.set(key, loader)
  return loader
}
