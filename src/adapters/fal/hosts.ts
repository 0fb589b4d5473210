/** Which hosts are fal's: pure decisions on URLs, made from the settings once. */

export interface FalHostsOptions {
  /** Base of the queue API, with an optional path prefix. */
  queueUrl: string
  /** Base of the REST API (storage), with an optional path prefix. */
  restUrl: string
  /** Host names, or `*.` and a domain for all below it (but not itself). */
  mediaHosts: string[]
}

export interface FalHosts {
  /** Where a URL that the client library built is really sent; null when its host is not one that we know. */
  toGatewayUrl(url: string): string | null
  /** See `Fal.isMediaUrl`. */
  isMediaUrl(url: string): boolean
  /** May a picture be sent there? To the media hosts, and to all of fal's own domains. */
  isUploadUrl(url: string): boolean
}

/** @throws TypeError when a base URL cannot be one; its message does not repeat the URL, which may hold a password. */
export function createFalHosts({ queueUrl, restUrl, mediaHosts }: FalHostsOptions): FalHosts {
  const queue = toBase('queueUrl', queueUrl)
  const rest = toBase('restUrl', restUrl)
  const bases: Record<string, URL> = { 'queue.fal.run': queue, 'rest.alpha.fal.ai': rest, 'rest.fal.ai': rest }
  const own = new Set([queue.hostname, rest.hostname])
  // A server on this machine names itself by any of them, whichever we were told.
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
      // The legacy storage behind an initiate without a type is switched off, if fal's own Python client is right.
      if (base === rest && pathname === INITIATE_PATH) target.searchParams.set('storage_type', 'fal-cdn-v3')
      return target.href
    },
    isMediaUrl: (url) => isAt(url, media),
    isUploadUrl: (url) => isAt(url, [...media, ...FAL_DOMAINS]),
  }
}

/** The same hosts as `isMediaUrl` takes, as a Content-Security-Policy writes them. */
export function toMediaSources({ queueUrl, restUrl, mediaHosts }: FalHostsOptions): string[] {
  // Of any port, as above: a proxy in front of a fal on this machine has another than the files.
  const own = [queueUrl, restUrl].map((url) => `${new URL(url).hostname}:*`)
  return [...new Set([...own, ...mediaHosts])]
}

/** Is this http or https, without credentials, and the same URL to every parser? */
function isPlainUrl(url: string): boolean {
  // White space, control characters and backslashes are repaired by one parser and kept by another.
  if (UNSAFE_CHARACTERS.test(url) || !URL.canParse(url)) return false
  const { protocol, username, password } = new URL(url)
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === ''
}

/** Uploads go to `v3.fal.media` and its like today; which host it is, fal decides. */
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
