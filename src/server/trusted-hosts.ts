import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { shorten } from '../errors.ts'
import { isLoopback, withoutBrackets } from './allowed-origins.ts'

/** What decides under which names this server may be reached. */
export interface HostRules {
  /** How others reach this server. */
  publicUrl: string
  allowedOrigins: readonly string[]
  /** Further host names; one with a port stands for that port alone. */
  trustedHosts: readonly string[]
}

/** What a request says of where it goes. */
export type Addressed = Pick<IncomingMessage, 'url' | 'headersDistinct'>

/** Why a request is refused for where it goes. */
export interface HostProblem {
  status: 400 | 421
  code: 'BAD_REQUEST' | 'MISDIRECTED_REQUEST'
  message: string
}

/** What is wrong with where a request goes; null when nothing is. */
export type FindHostProblem = (request: Addressed) => HostProblem | null

/** A name or an address, and perhaps a port: no user, no path, nothing that two programs could read in two ways. */
const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i
/** How much of a foreign name is repeated. The longest name of the DNS has 253 characters. */
const SHOWN_LENGTH = 100

/**
 * Tells whether a request was sent to this server under one of its own names. A page of a name that its owner points at
 * this machine (DNS rebinding) is of the same origin as what it asks for: no browser sends an Origin with its GETs, nor
 * a preflight. An address is nobody's to point elsewhere.
 */
export function isTrustedHost(host: string, { publicUrl, allowedOrigins, trustedHosts }: HostRules): boolean {
  const asked = parseHost(host)
  if (!asked) return false
  if (isLoopback(asked.hostname) || isIP(withoutBrackets(asked.hostname)) !== 0) return true
  // The host of an app's own scheme is no name of the web: anybody could have it there.
  const pages = [publicUrl, ...allowedOrigins].filter((url) => /^https?:/i.test(url))
  if (pages.some((url) => URL.parse(url)?.hostname === asked.hostname)) return true
  return trustedHosts.some((entry) => {
    const trusted = parseHost(entry)
    return trusted?.hostname === asked.hostname && (trusted.port === '' || trusted.port === asked.port)
  })
}

/** Makes the check of what comes in. */
export function createHostCheck(rules: HostRules): FindHostProblem {
  return (request) => {
    const host = readHost(request)
    if (host === null)
      return toProblem(
        400,
        'Expected exactly one Host header with a host name or an IP address, and the same host in the URL.',
      )
    if (isTrustedHost(host, rules)) return null
    return toProblem(
      421,
      `The host name "${shorten(host, SHOWN_LENGTH)}" is not trusted: to serve it, add it to TRUSTED_HOSTS.`,
    )
  }
}

/** Load balancers and Prometheus ask for these under whatever name they have for the server, or none. */
const PROBES: readonly string[] = ['/healthz', '/readyz', '/metrics']

/** Stands before all routes: those that a web page could ask for are served under this server's own names alone. */
export function hostRoutes(findHostProblem: FindHostProblem): Hono {
  return new Hono().use(async (http, next) => {
    const incoming = (http.env as HttpBindings).incoming as IncomingMessage
    const isAmbiguous = (incoming.headersDistinct.host?.length ?? 0) > 1
    const problem = PROBES.includes(http.req.path) && !isAmbiguous ? null : findHostProblem(incoming)
    if (problem === null) return await next()
    const { status, code, message } = problem
    return http.json({ errors: [{ message, extensions: { code } }] }, status)
  })
}

/** The one host that the request names; null when it names none, several, or none that can be understood. */
function readHost({ url = '', headersDistinct }: Addressed): string | null {
  const [host, ...others] = headersDistinct.host ?? []
  if (host === undefined || others.length > 0 || !parseHost(host)) return null
  // A target with a host of its own: what stands in front may have gone by that one.
  if (!url.startsWith('/') && URL.parse(url)?.host !== parseHost(host)?.host) return null
  return host
}

function parseHost(host: string): URL | null {
  return HOST.test(host) ? URL.parse(`http://${host}`) : null
}

function toProblem(status: HostProblem['status'], message: string): HostProblem {
  const code = status === 400 ? 'BAD_REQUEST' : 'MISDIRECTED_REQUEST'
  return { status, code, message }
}
