import { isIP, isIPv4 } from 'node:net'
import { shorten } from '../errors.ts'

/** What decides which pages may use the API. */
export interface OriginRules {
  /** The request's own Host header. */
  host: string | undefined
  /** How others reach this server. */
  publicUrl: string
  /** Origins of front ends, as browsers write them, in lower case: `https://app.example.com`, `tauri://localhost`. */
  allowedOrigins: readonly string[]
  production: boolean
}

/** Whether a request may be taken, by its headers as they came. One without an Origin always may. */
export type AllowsOrigin = (headers: { origin: string | undefined; host: string | undefined }) => boolean

/** A scheme, a host and perhaps a port, and nothing else: what the URL parser would forgive is refused before. */
const ORIGIN = /^https?:\/\/[^\s/\\?#@]+$/i

/**
 * Tells whether a browser's page of this origin may use the API: those of `allowedOrigins` and of `publicUrl`; outside
 * production all of this machine; and the server's own pages where it is reached by address.
 */
export function isAllowedOrigin(origin: string, { host, publicUrl, allowedOrigins, production }: OriginRules): boolean {
  const page = parseOrigin(origin)
  // An app or an extension, whose scheme is its own: there is nothing but the text.
  if (!page) return allowedOrigins.includes(origin.toLowerCase())
  if (allowedOrigins.includes(page.origin)) return true
  if (URL.canParse(publicUrl) && new URL(publicUrl).origin === page.origin) return true
  if (!production && isLoopback(page.hostname)) return true
  return isOwnAddress(page, host)
}

/** Makes the check of what comes in. */
export function createOriginCheck(rules: Omit<OriginRules, 'host'>): AllowsOrigin {
  // A request without an Origin is no page's doing: curl, servers, and the address bar of a browser.
  return ({ origin, host }) => origin === undefined || isAllowedOrigin(origin, { ...rules, host })
}

/** Why a page may not. */
export function toForbiddenOrigin(origin: string) {
  const message = `The origin "${shorten(origin, 100)}" is not allowed: to allow it, add it to ALLOWED_ORIGINS.`
  return { status: 403, code: 'FORBIDDEN_ORIGIN', message } as const
}

function parseOrigin(text: string): URL | null {
  return ORIGIN.test(text) ? URL.parse(text) : null
}

/**
 * The page came from where its request goes. Believed of addresses and localhost alone: any other name can be pointed
 * at this machine by whoever owns it (DNS rebinding), and then Origin and Host agree.
 */
function isOwnAddress(page: URL, host: string | undefined): boolean {
  // The page's scheme, so that a default port is left out of both.
  const own = parseOrigin(`${page.protocol}//${host ?? ''}`)
  return own?.host === page.host && (own.hostname === 'localhost' || isIP(withoutBrackets(own.hostname)) !== 0)
}

/** This machine, by name or address. @see https://www.rfc-editor.org/rfc/rfc6761#section-6.3 (names under localhost are this machine) */
export function isLoopback(hostname: string): boolean {
  if (hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]') return true
  return isIPv4(hostname) && hostname.startsWith('127.')
}

export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}
