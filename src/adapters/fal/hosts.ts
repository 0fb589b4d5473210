/** Decides which hosts belong to fal, from the settings. */

export interface FalHostsOptions {
  /** Base of the queue API, with an optional path prefix. */
  queueUrl: string
  /** Base of the REST API (storage), with an optional path prefix. */
  restUrl: string
  /** Host names, or `*.` and a domain for all its subdomains (but not the domain itself). */
  mediaHosts: string[]
}

export interface FalHosts {
  /** Maps a URL that the client library built to the configured base URL; null for an unknown host. */
  toGatewayUrl(url: string): string | null
  /** See `Fal.isMediaUrl`. */
  isMediaUrl(url: string): boolean
  /** True when an image may be uploaded there: to the media hosts and to all of fal's domains. */
  isUploadUrl(url: string): boolean
}

/** @throws TypeError for an invalid base URL. The message does not repeat the URL, which may contain a password. */
export function createFalHosts({ queueUrl, restUrl, mediaHosts }: FalHostsOptions): FalHosts {
  const queue = toBase('queueUrl', queueUrl)
  const rest = toBase('restUrl', restUrl)
  const bases: Record<string, URL> = { 'queue.fal.run': queue, 'rest.alpha.fal.ai': rest, 'rest.fal.ai': rest }
  const own = new Set([queue.hostname, rest.hostname])
  // A server on this machine may use any loopback name in its URLs, whichever one is configured.
  if (LOOPBACK.some((name) => own.has(name))) for (const name of LOOPBACK) own.add(name)
  const media = mediaHosts.map((host) => host.toLowerCase())

  function isAt(url: string, patterns: readonly string[]): boolean {
    if (!isPlainUrl(url)) return false
    const { hostname } = new URL(url)
    return own.has(hostname) || patterns.some((pattern) => matchesHost(pattern, hostname))
  }

  return {
    toGatewayUrl(url) {
      const { protocol, host, pathname, search } = new URL(url)
      const base = Object.hasOwn(bases, host) && protocol === 'https:' ? bases[host] : undefined
      if (base === undefined) return null
      const target = new URL(base)
      target.pathname = target.pathname.replace(/\/+$/, '') + pathname
      target.search = search
      // Without a storage type, initiate uses the legacy storage; fal's Python client says it is switched off.
      if (base === rest && pathname === INITIATE_PATH) target.searchParams.set('storage_type', 'fal-cdn-v3')
      return target.href
    },
    isMediaUrl: (url) => isAt(url, media),
    isUploadUrl: (url) => isAt(url, [...media, ...FAL_DOMAINS]),
  }
}

/** The hosts that `isMediaUrl` accepts, as sources of a Content-Security-Policy. */
export function toMediaSources({ queueUrl, restUrl, mediaHosts }: FalHostsOptions): string[] {
  // On any port: a proxy in front of a local fal listens on another port than the files.
  const own = [queueUrl, restUrl].map((url) => `${new URL(url).hostname}:*`)
  return [...new Set([...own, ...mediaHosts])]
}

/** True for http and https without credentials, and without characters that parsers read differently. */
function isPlainUrl(url: string): boolean {
  // One parser repairs white space, control characters and backslashes, another keeps them.
  if (UNSAFE_CHARACTERS.test(url) || !URL.canParse(url)) return false
  const { protocol, username, password } = new URL(url)
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === ''
}

/** fal chooses the upload host: today `v3.fal.media` and similar. */
const FAL_DOMAINS = ['fal.media', 'fal.ai', 'fal.run'].flatMap((domain) => [domain, `*.${domain}`])
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']
const INITIATE_PATH = '/storage/upload/initiate'
const UNSAFE_CHARACTERS = /[\s\\\p{Cc}]/u

function matchesHost(pattern: string, hostname: string): boolean {
  return pattern.startsWith('*.') ? hostname.endsWith(pattern.slice(1)) : hostname === pattern
}

function toBase(name: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  const isPlain = url !== null && !url.username && !url.password && !url.search && !url.hash
  if (isPlain && (url.protocol === 'https:' || url.protocol === 'http:')) return url
  throw new TypeError(`${name} must be an http(s) URL without user, password, query or fragment: correct it`)
}
