import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { StartError, shorten } from '../errors.ts'
import { guardConnections } from './connection-guard.ts'
import type { OnError } from './errors.ts'

/** Answers under way get this long when the server closes, in milliseconds; streams would stay for ever. */
const CLOSE_MS = 2_000

/** What is unfinished is cut: a request's head after 10 s, a whole request after a minute, and each looked at every second. */
const REQUEST_TIMES = { headersTimeout: 10_000, requestTimeout: 60_000, connectionsCheckingInterval: 1_000 }

/** Connections that may wait to be accepted: one that finds no room tries again only a second later. */
const BACKLOG = 4_096

/**
 * Listens. Its requests are answered once `serveRoutes` has been called, which has to follow at once.
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
 * Answers requests by the first route that fits.
 * @param basePath - path of the public URL, taken off what comes in where a proxy has not done so; empty for none
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
  if (basePath !== '') takeOff(server, basePath)
  // For requests without a Host: trusted-hosts.ts has words for them, Node has none.
  server.on('request', getRequestListener(app.fetch, { hostname: 'localhost' }))
  guardConnections(server)
}

/** The public URL itself is the root. */
function takeOff(server: Server, basePath: string): void {
  const take = (message: IncomingMessage): void => {
    const { url = '' } = message
    const rest = url.slice(basePath.length)
    if (url.startsWith(basePath) && /^(?:[/?]|$)/.test(rest)) message.url = rest.startsWith('/') ? rest : `/${rest}`
  }
  server.on('request', take)
  server.on('upgrade', take)
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
