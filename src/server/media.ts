import type { HttpBindings } from '@hono/node-server'
import type { Context as HttpContext } from 'hono'
import pLimit from 'p-limit'
import type { Services } from '../context.ts'
import { UUID } from '../opaque-id.ts'
import { RETRY_AFTER_SECONDS } from './errors.ts'
import type { MemoryLease } from './memory-budget.ts'

/** Bytes per read from the database: the memory cost of a client that does not read, apart from its socket. */
const PIECE_BYTES = 256 * 1024
/** One piece is being sent while the next is read. */
const PIECES = 2

/** Concurrent reads for all clients: the other database connections are reserved for the API. */
const limitReads = pLimit(2)

type Image = NonNullable<Awaited<ReturnType<Services['jobs']['findImage']>>>

/**
 * GET and HEAD /media/images/:jobId: the image of a job that was sent as a data URI, until it has been uploaded to fal
 * or the job has ended. The job id cannot be guessed, and grants access.
 */
export async function serveJobImage(
  http: HttpContext,
  { jobs, memory }: Pick<Services, 'jobs'> & { memory: MemoryLease },
): Promise<Response> {
  const jobId = http.req.param('jobId') ?? ''
  const image = UUID.test(jobId) ? await jobs.findImage(jobId) : null
  if (!image) return http.json({ error: 'Image not found.' }, 404)
  const etag = `"${jobId}-${image.sizeBytes}"`
  // Revalidated on each use, since the image is stored only for a short time.
  const caching = { etag, 'cache-control': 'private, no-cache' }
  if (matches(http.req.header('if-none-match'), etag)) return http.body(null, 304, caching)
  const headers = {
    ...caching,
    'content-type': image.contentType,
    'content-length': String(image.sizeBytes),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
  }
  if (http.req.method === 'HEAD') return http.body(null, 200, headers)
  if (!memory.reserve(PIECES * PIECE_BYTES)) {
    const error = 'The server is overloaded: try again in a few seconds.'
    return http.json({ error }, 503, { 'retry-after': String(RETRY_AFTER_SECONDS) })
  }
  const { outgoing } = http.env as HttpBindings
  return http.body(
    toStream(image, () => outgoing.destroy()),
    200,
    headers,
  )
}

/**
 * Reads each piece after the previous one was sent, and stops when the client disconnects.
 * @param disconnect - closes the connection, since the promised length cannot be sent
 */
function toStream({ sizeBytes, read }: Image, disconnect: () => void): ReadableStream<Uint8Array<ArrayBuffer>> {
  let sent = 0
  return new ReadableStream(
    {
      pull: async (controller) => {
        const piece = await limitReads(() => read(sent, PIECE_BYTES)).catch(() => null)
        // Uploaded to fal meanwhile, or the database is unavailable. A stream error would end up as text in the image.
        if (!piece?.length) return disconnect()
        sent += piece.length
        controller.enqueue(piece)
        if (sent >= sizeBytes) controller.close()
      },
    },
    { highWaterMark: 0 },
  )
}

/** Whether the header names the tag, weak or strong. @see https://www.rfc-editor.org/rfc/rfc9110#name-if-none-match */
function matches(header: string | undefined, etag: string): boolean {
  const tags = header?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? []
  return tags.includes('*') || tags.includes(etag)
}
