import { once } from 'node:events'
import type { HttpBindings } from '@hono/node-server'
import { Hono, type Context as HttpContext } from 'hono'
import type { Services } from '../context.ts'
import { type AllowsOrigin, toForbiddenOrigin } from './allowed-origins.ts'
import type { Refusal } from './connection-guard.ts'
import type { GraphQLServer } from './graphql.ts'
import { serveJobImage } from './media.ts'
import type { MemoryBudget } from './memory-budget.ts'

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
    return tell(http, toForbiddenOrigin(origin))
  })
  app.all('/graphql', (http) => {
    // Before it is run: a mutation that is done, but not answered, would be sent again.
    if (!ANSWERS.test(http.req.header('accept') ?? '*/*')) return tell(http, NOT_ACCEPTABLE)
    const lease = memory.open()
    const fetched = Promise.resolve(graphql.fetch(http.req.raw, { memory: lease }))
    const answer = fetched.then((response) => (response.status === 406 ? tell(http, NOT_ACCEPTABLE) : response))
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

/** One of the types that GraphQL is answered in, or of GraphiQL's. */
const ANSWERS =
  /(?:^|,)\s*(?:\*\/\*|application\/(?:\*|json|graphql-response\+json)|text\/(?:\*|event-stream|html)|multipart\/(?:\*|mixed))\s*(?:[;,]|$)/i

const NOT_ACCEPTABLE = {
  status: 406,
  code: 'NOT_ACCEPTABLE',
  message:
    'None of the types in the Accept header is available: expected application/graphql-response+json or application/json, or text/event-stream for a subscription.',
} as const

function tell(http: HttpContext, { status, code, message }: Refusal & { status: 403 | 406 }): Response {
  return http.json({ errors: [{ message, extensions: { code } }] }, status)
}

async function whenClosed(http: HttpContext): Promise<void> {
  const { outgoing } = http.env as HttpBindings
  if (!outgoing.closed) await once(outgoing, 'close')
}
