import { once } from 'node:events'
import type { HttpBindings } from '@hono/node-server'
import { Hono, type Context as HttpContext } from 'hono'
import type { Services } from '../context.ts'
import type { GraphQLServer } from './graphql.ts'
import { serveJobImage } from './media.ts'
import type { MemoryBudget } from './memory-budget.ts'
import { type AllowsOrigin, toForbiddenOrigin } from './origins.ts'

export interface ApiOptions {
  graphql: GraphQLServer
  services: Services
  allowsOrigin: AllowsOrigin
  memory: MemoryBudget
}

/** What front ends use: GraphQL, and the pictures that wait for their upload. */
export function apiRoutes({ graphql, services, allowsOrigin, memory }: ApiOptions): Hono {
  const app = new Hono()
  // First of all, and for every method and type of content: a browser asks nobody before it sends a form.
  app.use('/graphql', async (http, next) => {
    const origin = http.req.header('origin')
    if (origin === undefined || allowsOrigin({ origin, host: http.req.header('host') })) return await next()
    return http.json(toForbiddenOrigin(origin), 403)
  })
  app.all('/graphql', (http) => {
    const lease = memory.open()
    const answer = Promise.resolve(graphql.fetch(http.req.raw, { memory: lease }))
    // Both: a sender that hangs up leaves the operation under way, and an answer may be long on its way.
    void Promise.allSettled([answer, whenClosed(http)]).then(lease.release)
    return answer
  })
  app.get('/media/images/:jobId', (http) => {
    const lease = memory.open()
    void whenClosed(http).then(lease.release)
    return serveJobImage(http, { ...services, memory: lease })
  })
  return app
}

async function whenClosed(http: HttpContext): Promise<void> {
  const { outgoing } = http.env as HttpBindings
  if (!outgoing.closed) await once(outgoing, 'close')
}
