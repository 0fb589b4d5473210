import type { Context as HttpContext } from 'hono'
import type { Services } from '../context.ts'

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * GET /media/images/:jobId: the picture of a job that came as a data URI, until it is at fal; then a redirect there.
 * The job's id cannot be guessed, and is all the access that is needed.
 */
export async function serveJobImage(http: HttpContext, { jobs }: Services): Promise<Response> {
  const jobId = http.req.param('jobId') ?? ''
  const image = UUID.test(jobId) ? await jobs.findImage(jobId) : null
  if (!image) return http.json({ error: 'There is no such image.' }, 404)
  if ('url' in image) return http.redirect(image.url, 302)
  return http.body(new Uint8Array(image.bytes), 200, {
    'content-type': image.contentType,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cache-control': 'no-store',
  })
}
