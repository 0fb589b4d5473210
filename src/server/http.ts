import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Services } from '../context.ts'
import type { OnError } from './errors.ts'
import type { GraphQLServer } from './graphql.ts'
import { serveJobImage } from './media.ts'
import { type AllowsOrigin, toForbiddenOrigin } from './origins.ts'

/** A data URI of 10 MiB is 13.4 MiB of base64; the rest is the query around it. */
const MAX_BODY_BYTES = 15 * 1024 * 1024

export interface HttpOptions {
  graphql: GraphQLServer
  services: Services
  allowsOrigin: AllowsOrigin
  /** Why this instance should get no requests now; null when it should. */
  notReady(): Promise<string | null>
  onError: OnError
}

/** Everything on the port but the WebSocket: see docs/architecture.md for the routes. */
export function createHttpServer({ graphql, services, allowsOrigin, notReady, onError }: HttpOptions): Server {
  const app = new Hono()
  // First of all, and for every method and type of content: a browser asks nobody before it sends a form.
  app.use('/graphql', async (http, next) => {
    const origin = http.req.header('origin')
    if (origin === undefined || allowsOrigin({ origin, host: http.req.header('host') })) return await next()
    return http.json(toForbiddenOrigin(origin), 403)
  })
  app.use('/graphql', bodyLimit({ maxSize: MAX_BODY_BYTES, onError: (http) => http.json(tooLarge(), 413) }))
  app.all('/graphql', (http) => graphql.fetch(http.req.raw, {}))
  app.get('/media/images/:jobId', (http) => serveJobImage(http, services))
  app.get('/healthz', (http) => http.json({ status: 'ok' }))
  app.get('/readyz', async (http) => {
    const reason = await notReady()
    return reason === null ? http.json({ status: 'ready' }) : http.json({ status: 'not ready', reason }, 503)
  })
  app.get('/', (http) => http.redirect('/graphql'))
  app.notFound((http) => http.json({ error: `There is nothing at ${http.req.path}: the API is at /graphql.` }, 404))
  app.onError((error, http) => {
    onError(error, { stage: 'http' })
    return http.json({ error: 'Unexpected error.' }, 500)
  })
  return createAdaptorServer({ fetch: app.fetch }) as Server
}

function tooLarge() {
  const message = `The request is larger than ${MAX_BODY_BYTES} bytes: upload a smaller image, or give its URL.`
  return { errors: [{ message, extensions: { code: 'PAYLOAD_TOO_LARGE' } }] }
}
