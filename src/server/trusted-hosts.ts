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
 * Whether a Host header has one of this server's own names. An attacker can point a name at this machine (DNS
 * rebinding): pages of that name then have the same origin as this server, and browsers send their GETs without an
 * Origin and without a preflight. IP addresses are always accepted, since nobody can point them elsewhere.
 */
export function isTrustedHost(host: string, { publicUrl, allowedOrigins, trustedHosts }: HostRules): boolean {
  const requested = parseHost(host)
  if (!requested) return false
  if (isLoopback(requested.hostname) || isIP(withoutBrackets(requested.hostname)) !== 0) return true
  // The host of a custom scheme is not a DNS name: on the web it can belong to anybody.
  const pages = [publicUrl, ...allowedOrigins].filter((url) => /^https?:/i.test(url))
  if (pages.some((url) => URL.parse(url)?.hostname === requested.hostname)) return true
  return trustedHosts.some((entry) => {
    const trusted = parseHost(entry)
    return trusted?.hostname === requested.hostname && (trusted.port === '' || trusted.port === requested.port)
  })
}

export function createHostCheck(rules: HostRules): FindHostProblem {
  return (request) => {
    const host = readHost(request)
    if (host === null) return INVALID_HOST
    if (isTrustedHost(host, rules)) return null
    const message = `The host name "${shorten(host, SHOWN_LENGTH)}" is not trusted: to serve it, add it to TRUSTED_HOSTS.`
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
function readHost({ url = '', headersDistinct }: RequestTarget): string | null {
  const [host, ...others] = headersDistinct.host ?? []
  if (host === undefined || others.length > 0 || !parseHost(host)) return null
  // An absolute URL: a proxy in front may have routed by its host.
  if (!url.startsWith('/') && URL.parse(url)?.host !== parseHost(host)?.host) return null
  return host
}

function parseHost(host: string): URL | null {
  return HOST.test(host) ? URL.parse(`http://${host}`) : null
}
