import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { StartError, shorten } from '../errors.ts'
import { guardConnections } from './connection-guard.ts'
import type { OnError } from './errors.ts'

/** Responses in progress get this long when the server closes, in milliseconds; streams would never end. */
const CLOSE_MS = 2_000

/** Limits of incomplete requests, in milliseconds: headers 10 s, the whole request 60 s; checked every second. */
const REQUEST_TIMES = { headersTimeout: 10_000, requestTimeout: 60_000, connectionsCheckingInterval: 1_000 }

/** Connections that may wait to be accepted; the client of one beyond them retries after a second. */
const BACKLOG = 4_096

/**
 * Starts listening. Call `serveRoutes` before awaiting anything else: an earlier request would never be answered.
 * @throws StartError when the address cannot be listened on
 */
export async function listen({ host, port }: { host: string; port: number }): Promise<{ server: Server; url: string }> {
  const server = createServer({ ...REQUEST_TIMES, requireHostHeader: false })
  const listening = once(server, 'listening')
  server.listen({ port, host, backlog: BACKLOG })
  await listening.catch((error: NodeJS.ErrnoException) => {
    throw new StartError(
      `cannot start: cannot listen on ${host}:${port} (${error.code}): set HOST and PORT to a free address`,
      { cause: error },
    )
  })
  const address = server.address() as AddressInfo
  return { server, url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}` }
}

/**
 * Serves requests by the first matching route.
 * @param basePath - path of the public URL, removed from request URLs that a proxy has not stripped; empty for none
 */
export function serveRoutes(
  server: Server,
  routes: readonly Hono[],
  { basePath, onError }: { basePath: string; onError: OnError },
): void {
  const app = new Hono()
  for (const route of routes) app.route('/', route)
  app.notFound((http) =>
    http.json({ error: `No route matches ${shorten(http.req.path, 100)}: the API is at /graphql.` }, 404),
  )
  app.onError((error, http) => {
    onError(error, { stage: 'http' })
    return http.json({ error: 'Unexpected error.' }, 500)
  })
  if (basePath !== '') stripBasePath(server, basePath)
  // For requests without a Host header, which trusted-hosts.ts refuses with a message; Node's own 400 has none.
  server.on('request', getRequestListener(app.fetch, { hostname: 'localhost' }))
  guardConnections(server)
}

/** The base path itself becomes `/`. */
function stripBasePath(server: Server, basePath: string): void {
  const strip = (message: IncomingMessage): void => {
    const { url = '' } = message
    const rest = url.slice(basePath.length)
    if (url.startsWith(basePath) && /^(?:[/?]|$)/.test(rest)) message.url = rest.startsWith('/') ? rest : `/${rest}`
  }
  server.on('request', strip)
  server.on('upgrade', strip)
}

/** Accepts no more connections, and resolves when the last response has been sent. */
export async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  using _forced = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
  await closed
}
