import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Services } from '../context.ts'
import type { GraphQLServer } from './graphql.ts'
import { serveJobImage } from './media.ts'
import { type AllowsOrigin, toForbiddenOrigin } from './origins.ts'

/** A data URI of 10 MiB is 13.4 MiB of base64; the rest is the query around it. */
const MAX_BODY_BYTES = 15 * 1024 * 1024

export interface ApiOptions {
  graphql: GraphQLServer
  services: Services
  allowsOrigin: AllowsOrigin
}

/** What front ends use: GraphQL, and the pictures that wait for their upload. */
export function apiRoutes({ graphql, services, allowsOrigin }: ApiOptions): Hono {
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
  return app
}

function tooLarge() {
  const message = `The request is larger than ${MAX_BODY_BYTES} bytes: upload a smaller image, or give its URL.`
  return { errors: [{ message, extensions: { code: 'PAYLOAD_TOO_LARGE' } }] }
}
