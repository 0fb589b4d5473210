import { once } from 'node:events'
import type { HttpBindings } from '@hono/node-server'
import { Hono, type Context as HttpContext } from 'hono'
import type { Services } from '../context.ts'
import type { FindOriginProblem } from './allowed-origins.ts'
import type { GraphQLServer } from './graphql.ts'
import { serveJobImage } from './media.ts'
import type { MemoryBudget } from './memory-budget.ts'
import { type Refusal, toResponse } from './refusal.ts'

interface ApiOptions {
  graphql: GraphQLServer
  services: Services
  findOriginProblem: FindOriginProblem
  memory: MemoryBudget
}

/** The routes of front ends: GraphQL, and images that are not uploaded to fal yet. */
export function apiRoutes({ graphql, services, findOriginProblem, memory }: ApiOptions): Hono {
  const app = new Hono()
  // For every method and content type: browsers send forms without a preflight.
  app.use('/graphql', async (http, next) => {
    const problem = findOriginProblem({ origin: http.req.header('origin'), host: http.req.header('host') })
    return problem ? toResponse(http, problem) : await next()
  })
  app.all('/graphql', (http) => {
    // Before execution: clients retry a mutation whose response they cannot accept.
    if (!ACCEPTABLE.test(http.req.header('accept') ?? '*/*')) return toResponse(http, NOT_ACCEPTABLE)
    const lease = memory.open()
    const fetched = Promise.resolve(graphql.fetch(http.req.raw, { memory: lease }))
    const response = fetched.then((answer) => (answer.status === 406 ? toResponse(http, NOT_ACCEPTABLE) : answer))
    // Wait for both: the operation continues after a client disconnects, and the response may take long to send.
    void Promise.allSettled([response, whenClosed(http)]).then(lease.release)
    return response
  })
  app.get('/media/images/:jobId', (http) => {
    const lease = memory.open()
    void whenClosed(http).then(lease.release)
    return serveJobImage(http, { ...services, memory: lease })
  })
  return app
}

/** The content types of GraphQL responses and of GraphiQL. */
const ACCEPTABLE =
  /(?:^|,)\s*(?:\*\/\*|application\/(?:\*|json|graphql-response\+json)|text\/(?:\*|event-stream|html)|multipart\/(?:\*|mixed))\s*(?:[;,]|$)/i

const NOT_ACCEPTABLE: Refusal = {
  status: 406,
  code: 'NOT_ACCEPTABLE',
  message:
    'None of the types in the Accept header is available: expected application/graphql-response+json or application/json, or text/event-stream for a subscription.',
}

async function whenClosed(http: HttpContext): Promise<void> {
  const { outgoing } = http.env as HttpBindings
  if (!outgoing.closed) await once(outgoing, 'close')
}
