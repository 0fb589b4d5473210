import { isIP, isIPv4 } from 'node:net'
import { shorten } from '../errors.ts'
import type { Refusal } from './refusal.ts'

/** The origins whose pages may use the API. */
export interface OriginRules {
  /** The URL of this server for clients. */
  publicUrl: string
  /** Origins of front ends as browsers send them, in lower case: `https://app.example.com`, `tauri://localhost`. */
  allowedOrigins: readonly string[]
  production: boolean
}

interface RequestHeaders {
  origin?: string | null | undefined
  host?: string | null | undefined
}

/** Checks the Origin of a request; null when it is accepted, as a request without an Origin always is. */
export type FindOriginProblem = (headers: RequestHeaders) => Refusal | null

/** A scheme, a host and an optional port, nothing else; the URL parser would accept more. */
const ORIGIN = /^https?:\/\/[^\s/\\?#@]+$/i

/**
 * Accepts pages of `allowedOrigins` and `publicUrl`, outside production all of this machine, and the server's own pages
 * when they were loaded by IP address.
 */
export function createOriginCheck({ publicUrl, allowedOrigins, production }: OriginRules): FindOriginProblem {
  const ownOrigin = URL.parse(publicUrl)?.origin

  function isAllowed(origin: string, host: string): boolean {
    const page = parseOrigin(origin)
    // Custom schemes of apps and extensions are compared as text.
    if (!page) return allowedOrigins.includes(origin.toLowerCase())
    if (allowedOrigins.includes(page.origin) || page.origin === ownOrigin) return true
    return (!production && isLoopback(page.hostname)) || isOwnAddress(page, host)
  }

  return ({ origin, host }) => {
    // Requests without an Origin come from programs or from the address bar, not from a page's script.
    if (origin == null || isAllowed(origin, host ?? '')) return null
    const message = `The origin "${shorten(origin, 100)}" is not allowed: to allow it, add it to ALLOWED_ORIGINS.`
    return { status: 403, code: 'FORBIDDEN_ORIGIN', message }
  }
}

function parseOrigin(text: string): URL | null {
  return ORIGIN.test(text) ? URL.parse(text) : null
}

/**
 * Whether the page was loaded from the host of the request. Trusted for IP addresses and localhost only: the owner of
 * any other name can point it at this machine (DNS rebinding), and then Origin and Host agree.
 */
function isOwnAddress(page: URL, host: string): boolean {
  // The page's scheme, so that a default port is left out of both.
  const own = parseOrigin(`${page.protocol}//${host}`)
  return own?.host === page.host && (own.hostname === 'localhost' || isIP(withoutBrackets(own.hostname)) !== 0)
}

/** This machine, by name or address. @see https://www.rfc-editor.org/rfc/rfc6761#section-6.3 (names under localhost) */
export function isLoopback(hostname: string): boolean {
  if (hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]') return true
  return isIPv4(hostname) && hostname.startsWith('127.')
}

export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}
