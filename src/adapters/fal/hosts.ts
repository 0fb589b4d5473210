/** Decides which hosts belong to fal, from the settings. */

export interface FalHostsOptions {
  /** Base of the queue API, such as `https://queue.fal.run`; may have a path prefix. */
  queueUrl: string
  /** Base of the REST API (storage), such as `https://rest.fal.ai`; may have a path prefix. */
  restUrl: string
  /** Hosts that may serve results and uploads; `*.fal.media` matches all subdomains, but not the domain itself. */
  mediaHosts: string[]
}

export type FalHosts = ReturnType<typeof createFalHosts>

/** @throws TypeError for an invalid base URL. The message does not repeat the URL, which may contain a password. */
export function createFalHosts({ queueUrl, restUrl, mediaHosts }: FalHostsOptions) {
  const queue = toBase('queueUrl', queueUrl)
  const rest = toBase('restUrl', restUrl)
  const bases: Record<string, URL> = { 'queue.fal.run': queue, 'rest.alpha.fal.ai': rest, 'rest.fal.ai': rest }
  const own = new Set([queue.hostname, rest.hostname])
  // A server on this machine may use any loopback name in its URLs, whichever one is configured.
  if (LOOPBACK.some((name) => own.has(name))) for (const name of LOOPBACK) own.add(name)
  const media = mediaHosts.map((host) => host.toLowerCase())

  function isAt(text: string, patterns: readonly string[]): boolean {
    // One parser repairs white space, control characters and backslashes, another keeps them.
    const url = UNSAFE_CHARACTERS.test(text) ? null : parsePlainUrl(text)
    return url !== null && (own.has(url.hostname) || patterns.some((pattern) => matchesHost(pattern, url.hostname)))
  }

  return {
    /** Maps a URL that the client library built to the configured base URL; null for an unknown host. */
    toGatewayUrl: (url: string): string | null => {
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
    /** See `Fal.isMediaUrl`. */
    isMediaUrl: (url: string) => isAt(url, media),
    /** True when an image may be uploaded there: to the media hosts and to all of fal's domains. */
    isUploadUrl: (url: string) => isAt(url, [...media, ...FAL_DOMAINS]),
  }
}

/** The hosts that `isMediaUrl` accepts, as sources of a Content-Security-Policy. */
export function toMediaSources({ queueUrl, restUrl, mediaHosts }: FalHostsOptions): string[] {
  // On any port: a proxy in front of a local fal listens on another port than the files.
  const own = [queueUrl, restUrl].map((url) => `${new URL(url).hostname}:*`)
  return [...new Set([...own, ...mediaHosts])]
}

/** An http or https URL without credentials; null for any other text. */
function parsePlainUrl(text: string): URL | null {
  const url = URL.parse(text)
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:'
  return isHttp && !url.username && !url.password ? url : null
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
  const url = parsePlainUrl(text)
  if (url && !url.search && !url.hash) return url
  throw new TypeError(`${name} must be an http(s) URL without user, password, query or fragment: correct it`)
}
