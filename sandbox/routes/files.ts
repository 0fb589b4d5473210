import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { type Context, Hono } from 'hono'
import { parseRange } from '../range.ts'
import type { MediaFile, MediaStore } from '../video/media.ts'

const OPEN_TO_ALL = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'content-length, content-range, accept-ranges, etag',
}

/** Uploads and clips, open to everybody, with single byte ranges. The last part of the path is only a name. */
export function fileRoutes({ media }: { media: MediaStore }): Hono {
  const routes = new Hono()

  routes.options('/files/*', (context) =>
    context.body(null, 204, {
      ...OPEN_TO_ALL,
      'access-control-allow-methods': 'GET, HEAD, OPTIONS',
      'access-control-allow-headers': 'range, if-range, if-none-match',
      'access-control-max-age': '86400',
    }),
  )

  // A GET route answers HEAD as well.
  routes.get('/files/:id/:name', async (context) => {
    const file = media.find(context.req.param('id'))
    const handle = file?.sizeBytes === null || !file ? null : await openIfExists(media.pathOf(file.id))
    if (!file || !handle) return context.json({ detail: 'No such file' }, 404, OPEN_TO_ALL)
    return await answerFile(context, file, handle)
  })

  return routes
}

async function answerFile(context: Context, file: MediaFile, handle: FileHandle): Promise<Response> {
  const { size } = await handle.stat()
  const etag = `"${file.id}-${size}-${file.savedAt}"`
  const headers = {
    ...OPEN_TO_ALL,
    'accept-ranges': 'bytes',
    'content-type': file.contentType,
    etag,
    'last-modified': new Date(file.savedAt).toUTCString(),
    'cache-control': 'public, max-age=86400',
    'x-content-type-options': 'nosniff',
    'content-security-policy': 'sandbox', // an uploaded page or SVG must not run here
  }
  const answerEmpty = async (status: 304 | 416 | 200 | 206, more: Record<string, string> = {}) => {
    await handle.close()
    return context.body(null, status, { ...headers, ...more })
  }
  const ifNoneMatch = context.req.header('if-none-match')
  if (ifNoneMatch && (ifNoneMatch.trim() === '*' || ifNoneMatch.includes(etag))) return await answerEmpty(304)

  const ifRange = context.req.header('if-range')
  const stale = ifRange !== undefined && ifRange !== etag && ifRange !== headers['last-modified']
  const range = stale ? null : parseRange(context.req.header('range'), size)
  if (range === 'unsatisfiable') return await answerEmpty(416, { 'content-range': `bytes */${size}` })

  const { start, end } = range ?? { start: 0, end: size - 1 }
  const more = {
    'content-length': String(end - start + 1),
    ...(range ? { 'content-range': `bytes ${start}-${end}/${size}` } : {}),
  }
  const status = range ? 206 : 200
  if (context.req.method === 'HEAD' || size === 0) return await answerEmpty(status, more)
  // The stream closes the handle, also when the client goes away half-way.
  const bytes = handle.createReadStream({ start, end })
  bytes.on('error', () => {}) // told to the response; without a listener it would end the process
  return new Response(Readable.toWeb(bytes) as ReadableStream, { status, headers: { ...headers, ...more } })
}

async function openIfExists(path: string): Promise<FileHandle | null> {
  try {
    return await open(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
