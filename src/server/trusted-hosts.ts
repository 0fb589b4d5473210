import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { shorten } from '../errors.ts'
import { isLoopback, withoutBrackets } from './allowed-origins.ts'
import { type Refusal, toResponse } from './refusal.ts'

/** The host names that this server accepts. */
export interface HostRules {
  /** The URL of this server for clients. */
  publicUrl: string
  allowedOrigins: readonly string[]
  /** Additional host names; one with a port is valid for that port only. */
  trustedHosts: readonly string[]
}

type RequestTarget = Pick<IncomingMessage, 'url' | 'headersDistinct'>

/** Checks the target of a request; null when it is accepted. */
export type FindHostProblem = (request: RequestTarget) => Refusal | null

/** A name or an IP address with an optional port: no user and no path, which programs could parse differently. */
const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i
/** Characters of a foreign name in an error. The longest DNS name has 253. */
const SHOWN_LENGTH = 100

/**
 * Accepts requests whose Host header has one of this server's own names. An attacker can point a name at this machine (DNS
 * rebinding): pages of that name then have the same origin as this server, and browsers send their GETs without an
 * Origin and without a preflight. IP addresses are always accepted, since nobody can point them elsewhere.
 */
export function createHostCheck({ publicUrl, allowedOrigins, trustedHosts }: HostRules): FindHostProblem {
  // The host of a custom scheme is not a DNS name: on the web it can belong to anybody.
  const pages = [publicUrl, ...allowedOrigins].filter((url) => /^https?:/i.test(url))
  const pageNames = new Set(pages.map((url) => URL.parse(url)?.hostname))
  const trusted = trustedHosts.map(parseHost)

  function isTrusted({ hostname, port }: URL): boolean {
    if (isLoopback(hostname) || isIP(withoutBrackets(hostname)) !== 0 || pageNames.has(hostname)) return true
    return trusted.some((host) => host?.hostname === hostname && (host.port === '' || host.port === port))
  }

  return (request) => {
    const host = readHost(request)
    if (host === null) return INVALID_HOST
    if (isTrusted(host)) return null
    const name = shorten(request.headersDistinct.host?.[0] ?? '', SHOWN_LENGTH)
    const message = `The host name "${name}" is not trusted: to serve it, add it to TRUSTED_HOSTS.`
    return { status: 421, code: 'MISDIRECTED_REQUEST', message }
  }
}

const INVALID_HOST: Refusal = {
  status: 400,
  code: 'BAD_REQUEST',
  message: 'Expected exactly one Host header with a host name or an IP address, and the same host in the URL.',
}

/** Load balancers and Prometheus request these under any name, or without one. */
const PROBES: readonly string[] = ['/healthz', '/readyz', '/metrics']

/** Runs before all routes: routes that a web page could use are served under this server's own names only. */
export function hostRoutes(findHostProblem: FindHostProblem): Hono {
  return new Hono().use(async (http, next) => {
    const incoming = (http.env as HttpBindings).incoming as IncomingMessage
    const isAmbiguous = (incoming.headersDistinct.host?.length ?? 0) > 1
    const problem = PROBES.includes(http.req.path) && !isAmbiguous ? null : findHostProblem(incoming)
    return problem ? toResponse(http, problem) : await next()
  })
}

/** The host of the request; null when it is missing, repeated or malformed. */
function readHost({ url = '', headersDistinct }: RequestTarget): URL | null {
  const [text = '', ...others] = headersDistinct.host ?? []
  const host = parseHost(text)
  if (others.length > 0) return null
  // An absolute URL: a proxy in front may have routed by its host.
  return url.startsWith('/') || URL.parse(url)?.host === host?.host ? host : null
}

function parseHost(host: string): URL | null {
  return HOST.test(host) ? URL.parse(`http://${host}`) : null
}
