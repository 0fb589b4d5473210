import type { HttpBindings } from '@hono/node-server'
import type { Context as HttpContext } from 'hono'
import pLimit from 'p-limit'
import type { Services } from '../context.ts'
import { UUID } from '../opaque-id.ts'
import { RETRY_AFTER_SECONDS } from './errors.ts'
import type { MemoryLease } from './memory-budget.ts'

/** Bytes that are read from the database at once: all that a client costs that does not read, but for its socket. */
const PIECE_BYTES = 256 * 1024
/** One piece is on its way to the client while the next is read. */
const PIECES = 2

/** Pieces that are read at once, for all clients together: the other connections to the database are for those who ask. */
const reading = pLimit(2)

type Image = NonNullable<Awaited<ReturnType<Services['jobs']['findImage']>>>

/**
 * GET and HEAD /media/images/:jobId: the picture of a job that came as a data URI, until it is at fal or the job has ended.
 * The job's id cannot be guessed, and is all the access that is needed.
 */
export async function serveJobImage(
  http: HttpContext,
  { jobs, memory }: Pick<Services, 'jobs'> & { memory: MemoryLease },
): Promise<Response> {
  const jobId = http.req.param('jobId') ?? ''
  const image = UUID.test(jobId) ? await jobs.findImage(jobId) : null
  if (!image) return http.json({ error: 'Image not found.' }, 404)
  const etag = `"${jobId}-${image.sizeBytes}"`
  // Asked after each time, since it is not here for long.
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
 * Reads a piece when the one before it has left, and none for a client that has gone.
 * @param cut - ends the connection: what was promised does not come
 */
function toStream({ sizeBytes, read }: Image, cut: () => void): ReadableStream<Uint8Array<ArrayBuffer>> {
  let sent = 0
  return new ReadableStream(
    {
      pull: async (controller) => {
        const piece = await reading(() => read(sent, PIECE_BYTES)).catch(() => null)
        // Come to fal meanwhile, or the database is away. As an error of the stream it would be text in the picture.
        if (!piece?.length) return cut()
        sent += piece.length
        controller.enqueue(piece)
        if (sent >= sizeBytes) controller.close()
      },
    },
    { highWaterMark: 0 },
  )
}

/** Whether an `If-None-Match` names the tag, weak or strong. @see https://www.rfc-editor.org/rfc/rfc9110#name-if-none-match */
function matches(header: string | undefined, etag: string): boolean {
  const tags = header?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? []
  return tags.includes('*') || tags.includes(etag)
}
