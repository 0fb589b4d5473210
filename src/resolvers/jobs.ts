import type { GraphQLResolveInfo } from 'graphql'
import type { Context } from '../context.ts'
import { InvalidArgumentError, JobNotFoundError, QueryTooComplexError } from '../errors.ts'
import type { Job, Video } from '../generated/prisma/client.ts'
import type { JobFilter } from '../jobs/job-page.ts'
import type { Submitted } from '../jobs/jobs.ts'
import { DEFAULT_MODEL, type VideoInput } from '../jobs/models.ts'
import { IdempotencyKeyText } from '../jobs/settings.ts'
import { toVideoFile } from '../jobs/video-name.ts'
import { toCursor } from '../updates/cursor.ts'
import { countText } from './answer-size.ts'
import { type Connection, type PageArguments, parsePage, toConnection } from './connection.ts'
import { encodeNodeId, parseJobId } from './ids.ts'

/** The defaults of generateVideo. */
export const videoDefaults = DEFAULT_MODEL.defaults

/** Mutation.generateVideo */
export function generateVideo(
  _root: unknown,
  { input }: { input: VideoInput & { idempotencyKey?: string | null | undefined } },
  { jobs, viewer }: Context,
): Promise<Submitted> {
  return jobs.submit(viewer, input)
}

/** Mutation.cancelJob */
export async function cancelJob(_root: unknown, { id }: { id: string }, { jobs, viewer }: Context) {
  return { job: await jobs.cancel(viewer, requireJobId(id)) }
}

/** Mutation.retryJob */
export async function retryJob(
  _root: unknown,
  { id, idempotencyKey }: { id: string; idempotencyKey?: string | null | undefined },
  { jobs, viewer }: Context,
): Promise<Submitted> {
  const key = IdempotencyKeyText.nullish().safeParse(idempotencyKey)
  if (!key.success)
    throw new InvalidArgumentError('idempotencyKey', key.error.issues[0]?.message ?? 'idempotencyKey is not usable.')
  return await jobs.retry(viewer, requireJobId(id), key.data ?? null)
}

/** Query.job */
export async function job(_root: unknown, { id }: { id: string }, context: Context): Promise<Job> {
  return await requireJob(requireJobId(id), context)
}

/** Query.jobs */
export async function listJobs(
  _root: unknown,
  { filter, ...page }: PageArguments & { filter?: JobFilter | null | undefined },
  context: Context,
): Promise<Connection<Job> & { totalCount: () => Promise<number> }> {
  const range = parsePage(page, parseListCursor)
  const rows = await context.jobs.list(context.viewer, filter ?? {}, range)
  return {
    ...toConnection(rows, range, ({ id }) => encodeNodeId('Job', id)),
    totalCount: () => countJobs(filter ?? {}, context),
  }
}

/**
 * JobConnection.totalCount. All lists of the operation share one count.
 * @throws QueryTooComplexError for a second time range: hours that a range cuts are counted job by job, and an hour with
 * a million jobs already costs as much as a query may
 */
async function countJobs({ status, ...range }: JobFilter, { jobs, viewer, counts }: Context): Promise<number> {
  const key = JSON.stringify([range.createdAfter, range.createdBefore])
  counts.range ??= key
  if (counts.range !== key)
    throw new QueryTooComplexError(
      'The query is too large: one query can count `totalCount` for one pair of `createdAfter` and `createdBefore`. Send the others in separate queries.',
    )
  counts.byStatus ??= jobs.count(viewer, range)
  const byStatus = await counts.byStatus
  const wanted = status ? [...new Set(status)].map((one) => byStatus.get(one) ?? 0) : [...byStatus.values()]
  return wanted.reduce((sum, count) => sum + count, 0)
}

/** Job.cursor */
export function jobCursor({ id, lastSequence }: Job): string {
  return toCursor(id, lastSequence)
}

/** Job.failure */
export { readFailure as jobFailure } from '../jobs/failure.ts'

/** VideoSettings.imageUrl: until the image is uploaded, the URL under which this server serves it. */
export function imageUrl({ id, imageUrl }: Job, _args: unknown, context: Context, info: GraphQLResolveInfo): string {
  return countText(imageUrl ?? `${context.publicUrl}/media/images/${id}`, context, info)
}

/** @throws JobNotFoundError */
async function requireJob(id: string, { jobs, viewer }: Context): Promise<Job> {
  const found = await jobs.find(viewer, id)
  if (!found) throw new JobNotFoundError()
  return found
}

/** @throws JobNotFoundError */
export function requireJobId(text: string): string {
  const id = parseJobId(text)
  if (id === null) throw new JobNotFoundError()
  return id
}

/** The cursor of a job is its id. */
function parseListCursor(cursor: string, argument: string): string {
  const id = parseJobId(cursor)
  if (id === null)
    throw new InvalidArgumentError(argument, `\`${argument}\` is not a cursor: expected a \`cursor\` of this list.`)
  return id
}

/** Job.retryOf */
export function retriedJob({ retryOfId }: Job, _args: unknown, { jobs, viewer }: Context): Promise<Job | null> | null {
  return retryOfId === null ? null : jobs.find(viewer, retryOfId)
}

/** Video.contentType: rows of earlier versions hold the unchecked type that fal reported. */
export function videoType(video: Video): string {
  return toVideoFile(video).contentType
}

/** Video.fileName */
export function videoName(video: Video): string {
  return toVideoFile(video).fileName
}

/** Video.job */
export function jobOfVideo({ jobId }: Video, _args: unknown, context: Context): Promise<Job> {
  return requireJob(jobId, context)
}

/** Job.video */
export function videoOfJob(job: Job, _args: unknown, { jobs }: Context, { operation }: GraphQLResolveInfo) {
  return jobs.loadVideo(job, { ofUpdate: operation.operation === 'subscription' })
}
