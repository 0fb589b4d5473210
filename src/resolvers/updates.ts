import DataLoader from 'dataloader'
import type { Context } from '../context.ts'
import { JobNotFoundError } from '../errors.ts'
import { parseCursor, toCursor } from '../events/cursor.ts'
import type { UpdateRange } from '../events/log.ts'
import type { Update } from '../events/update.ts'
import type { Job } from '../generated/prisma/client.ts'
import { type Connection, type PageArguments, parsePage, toConnection } from './connection.ts'
import { requireJobId } from './jobs.ts'

/** Subscription.jobProgress */
export async function jobProgress(
  _root: unknown,
  { id, after }: { id: string; after?: string | null | undefined },
  { jobs, streams, viewer }: Context,
): Promise<AsyncIterable<Update>> {
  const job = await jobs.find(viewer, requireJobId(id))
  if (!job) throw new JobNotFoundError()
  return streams.ofJob(job.id, after == null ? null : parseCursor(after, job.id, 'after'))
}

/** Subscription.jobFeed */
export function jobFeed(_root: unknown, _args: unknown, { streams, viewer }: Context): AsyncIterable<Update> {
  return streams.ofOwner(viewer.ownerId)
}

/** JobUpdate.cursor */
export function updateCursor({ jobId, sequence }: Update): string {
  return toCursor(jobId, sequence)
}

/** JobUpdate.job */
export function jobOfUpdate({ jobId }: Update, _args: unknown, { jobs }: Context): Promise<Job> {
  return jobs.load(jobId)
}

/** Job.updates */
export async function updatesOfJob({ id }: Job, page: PageArguments, context: Context): Promise<Connection<Update>> {
  const request = parsePage(page)
  const range: UpdateRange = {
    ...(page.after != null && { after: parseCursor(page.after, id, 'after') }),
    ...(page.before != null && { before: parseCursor(page.before, id, 'before') }),
    limit: request.limit + 1,
    fromEnd: request.fromEnd,
  }
  const rows = await updatePages(context, range).load(id)
  return toConnection(rows, request, page, (update) => toCursor(id, update.sequence))
}

/** All jobs of an operation that ask for the same range are answered by one query. */
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
