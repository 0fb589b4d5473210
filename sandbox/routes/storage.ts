import { randomUUID } from 'node:crypto'
import { Hono } from 'hono'
import { z } from 'zod'
import { fieldError } from '../queue/failures.ts'
import { type MediaStore, TooLargeError } from '../video/media.ts'
import { requireKey } from './authorization.ts'

const Initiate = z.object({ content_type: z.string().max(200).optional(), file_name: z.string().max(500).optional() })

/** Uploads as at fal: initiate with a key, then PUT the bytes without one. */
export function storageRoutes({ media, baseUrl }: { media: MediaStore; baseUrl: string }): Hono {
  const routes = new Hono()

  routes.post('/storage/upload/initiate', requireKey, async (context) => {
    const parsed = Initiate.safeParse(await context.req.json().catch(() => null))
    if (!parsed.success) {
      const error = fieldError(['body'], 'model_attributes_type', 'Expected {content_type, file_name}')
      return context.json({ detail: [error] }, 422)
    }
    const { content_type = '', file_name = '' } = parsed.data
    const id = randomUUID()
    await media.reserve(id, /^[\w.+-]+\/[\w.+-]+/.test(content_type) ? content_type : 'application/octet-stream')
    return context.json({
      upload_url: `${baseUrl}/storage/upload/${id}`,
      file_url: `${baseUrl}/files/${id}/${safeName(file_name)}`,
    })
  })

  routes.put('/storage/upload/:id', async (context) => {
    const id = context.req.param('id')
    if (!media.find(id)) return context.json({ detail: 'No such upload: initiate it first' }, 404)
    try {
      const { sizeBytes } = await media.receive(id, context.req.raw.body ?? new Blob().stream())
      return context.json({ size: sizeBytes })
    } catch (error) {
      if (!(error instanceof TooLargeError)) throw error
      // The rest of the body stays unread, so the connection cannot be reused.
      return context.json({ detail: error.message }, 413, { connection: 'close' })
    }
  })

  return routes
}

function safeName(name: string): string {
  return name.replace(/[^\w.-]+/g, '_').replace(/^\.+/, '') || 'file'
}
