import type { Server } from 'node:http'
import type { GraphQLSchema } from 'graphql'
import type { Config } from '../config.ts'
import type { Services } from '../context.ts'
import { createOriginCheck } from './allowed-origins.ts'
import { apiRoutes } from './api.ts'
import type { OnError } from './errors.ts'
import { graphiqlRoutes } from './graphiql.ts'
import { createGraphQLServer } from './graphql.ts'
import { type HealthDeps, healthRoutes } from './health.ts'
import { close, listen, serveRoutes } from './http.ts'
import { createMemoryBudget } from './memory-budget.ts'
import { type MetricsText, metricsRoutes } from './metrics.ts'
import { type StudioOptions, studioRoutes } from './studio.ts'
import { createHostCheck, hostRoutes } from './trusted-hosts.ts'
import { type WebhookOptions, webhookRoutes } from './webhooks.ts'
import { serveGraphQLSockets } from './ws.ts'

interface ServerDeps {
  config: Config
  schema: GraphQLSchema
  services: Omit<Services, 'publicUrl'>
  health: HealthDeps
  metrics: MetricsText
  studio: Omit<StudioOptions, 'basePath'>
  webhooks: Omit<WebhookOptions, 'memory' | 'onError'>
  onError: OnError
}

interface RunningServer {
  /** The URL that the server listens on, without a trailing slash. */
  url: string
  /** Asks the clients of all sockets to reconnect, finishes the responses in progress, and stops listening. */
  stop(): Promise<void>
}

/**
 * Listens, and serves every route and socket; without the role `api`, health and metrics alone.
 * @throws StartError when the address cannot be listened on
 */
export async function openServer(deps: ServerDeps): Promise<RunningServer> {
  const { server, url } = await listen(deps.config)
  try {
    return serve(server, url, deps)
  } catch (error) {
    await close(server)
    throw error
  }
}

/** Not async: a request that arrives before the routes exist would never be answered. */
function serve(server: Server, url: string, deps: ServerDeps): RunningServer {
  const { config, schema, health, metrics, studio, webhooks, onError } = deps
  const publicUrl = config.publicUrl ?? url
  const basePath = config.publicUrl ? new URL(config.publicUrl).pathname.replace(/\/$/, '') : ''
  const { allowedOrigins, trustedHosts, production } = config
  const findHostProblem = createHostCheck({ publicUrl, allowedOrigins, trustedHosts })
  const routes = [hostRoutes(findHostProblem), healthRoutes(health), metricsRoutes(metrics)]
  if (!config.roles.includes('api')) {
    serveRoutes(server, routes, { basePath, onError })
    return { url, stop: () => close(server) }
  }
  const memory = createMemoryBudget()
  const findOriginProblem = createOriginCheck({ publicUrl, allowedOrigins, production })
  const services = { ...deps.services, publicUrl }
  const options = { introspection: config.introspection, hideSuggestions: production }
  const graphql = createGraphQLServer({ schema, services, findOriginProblem, onError, ...options })
  routes.push(
    graphiqlRoutes({ enabled: config.graphiql, publicUrl }),
    apiRoutes({ graphql, services, findOriginProblem, memory }),
    studioRoutes({ ...studio, basePath }),
    webhookRoutes({ ...webhooks, memory, onError }),
  )
  serveRoutes(server, routes, { basePath, onError })
  const stopSockets = serveGraphQLSockets(server, { graphql, findOriginProblem, findHostProblem, memory, onError })
  return {
    url,
    stop: async () => {
      try {
        await stopSockets()
      } finally {
        await close(server)
      }
    },
  }
}
