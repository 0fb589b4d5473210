import { once } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { StartError, shorten } from '../errors.ts'
import { guardConnections } from './connections.ts'
import type { OnError } from './errors.ts'

/** Answers under way get this long when the server closes, in milliseconds; streams would stay for ever. */
const CLOSE_MS = 2_000

/** What is unfinished is cut: a request's head after 10 s, a whole request after a minute, and each looked at every second. */
const REQUEST_TIMES = { headersTimeout: 10_000, requestTimeout: 60_000, connectionsCheckingInterval: 1_000 }

/** Connections that may wait to be accepted: one that finds no room tries again only a second later. */
const BACKLOG = 4_096

/** Everything on the port but the WebSocket: see docs/architecture.md for the routes. */
export function createHttpServer(routes: readonly Hono[], onError: OnError): Server {
  const app = new Hono()
  for (const route of routes) app.route('/', route)
  app.notFound((http) =>
    http.json({ error: `There is nothing at ${shorten(http.req.path, 100)}: the API is at /graphql.` }, 404),
  )
  app.onError((error, http) => {
    onError(error, { stage: 'http' })
    return http.json({ error: 'Unexpected error.' }, 500)
  })
  const server = createAdaptorServer({
    fetch: app.fetch,
    // For requests without a Host: hosts.ts has words for them, Node has none.
    hostname: 'localhost',
    serverOptions: { ...REQUEST_TIMES, requireHostHeader: false },
  }) as Server
  guardConnections(server)
  return server
}

/** Takes the path of the public URL off what comes in, where a proxy has not done so. The public URL itself is the root. */
export function takeOff(server: Server, basePath: string): void {
  if (basePath === '') return
  const take = (message: IncomingMessage): void => {
    const { url = '' } = message
    const rest = url.slice(basePath.length)
    if (url.startsWith(basePath) && /^(?:[/?]|$)/.test(rest)) message.url = rest.startsWith('/') ? rest : `/${rest}`
  }
  server.prependListener('request', take)
  server.prependListener('upgrade', take)
}

/** Answers the URL that the server listens at by then. @throws StartError when it cannot. */
export async function listen(server: Server, { host, port }: { host: string; port: number }): Promise<string> {
  const listening = once(server, 'listening')
  server.listen({ port, host, backlog: BACKLOG })
  await listening.catch((error: NodeJS.ErrnoException) => {
    throw new StartError(
      `cannot start: ${host}:${port} cannot be listened on (${error.code}); set HOST and PORT to a free address`,
      { cause: error },
    )
  })
  const address = server.address() as AddressInfo
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`
}

/** Takes no more connections, and resolves when the last answer is out. */
export async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const forced = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
  await closed
  clearTimeout(forced)
}
