import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import type { MediaStore } from '../video/media.ts'

const allowEveryPage = cors({
  origin: '*',
  allowMethods: ['GET', 'HEAD', 'OPTIONS'],
  allowHeaders: ['range', 'if-range', 'if-none-match'],
  exposeHeaders: ['content-length', 'content-range', 'accept-ranges', 'etag'],
  maxAge: 86_400,
})

/** Uploads and clips, public, with single byte ranges so that a player can seek. The last part of the path is only a name. */
export function fileRoutes({ media }: { media: MediaStore }): Hono {
  const routes = new Hono()
  routes.use('/files/*', allowEveryPage)

  // A GET route also answers HEAD.
  routes.get('/files/:id/:name', async (context) => {
    const file = media.find(context.req.param('id'))
    if (!file || file.sizeBytes === null) return context.json({ detail: 'No such file' }, 404)
    const headers = {
      'accept-ranges': 'bytes',
      'content-type': file.contentType,
      etag: `"${file.id}-${file.sizeBytes}-${file.savedAt}"`,
      'last-modified': new Date(file.savedAt).toUTCString(),
      'cache-control': 'public, max-age=86400',
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox', // an uploaded page or SVG must not run here
    }
    const ifNoneMatch = context.req.header('if-none-match')
    if (ifNoneMatch && (ifNoneMatch.trim() === '*' || ifNoneMatch.includes(headers.etag)))
      return context.body(null, 304, headers)

    const ifRange = context.req.header('if-range')
    const isStale = ifRange !== undefined && ifRange !== headers.etag && ifRange !== headers['last-modified']
    if (isStale || !isSingleRange(context.req.header('range'))) context.req.raw.headers.delete('range')
    const response = await serveStatic({ path: media.pathOf(file.id) })(context, async () => {})
    if (!response) return context.json({ detail: 'No such file' }, 404)
    for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
    return response
  })

  return routes
}

/**
 * Whether a Range header asks for one well-formed range. Any other header is ignored, and the whole file is sent.
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
 */
function isSingleRange(header = ''): boolean {
  const [match, first = '', last = ''] = /^bytes=(?=-?\d)(\d*)-(\d*)$/.exec(header) ?? []
  return match !== undefined && (first === '' || last === '' || Number(first) <= Number(last))
}
