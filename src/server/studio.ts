import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Hono, type Context as HttpContext } from 'hono'
import { type Asset, createAsset, isAssetName, sendAsset } from './assets.ts'
import { toPageHeaders } from './page-headers.ts'

export interface StudioOptions {
  /** The build of the page: `index.html` and `assets/`. It may be missing, or built later. */
  directory: string
  /** Hosts of videos, as sources of a Content-Security-Policy. */
  mediaSources: readonly string[]
  /** Path of the public URL and prefix of the page's assets; empty for none. */
  basePath: string
}

/** The studio: its page at `/` and at `/jobs/:id`, and its assets. */
export function studioRoutes({ directory, mediaSources, basePath }: StudioOptions): Hono {
  const app = new Hono()
  const headers = toHeaders(mediaSources)
  const assets = new Map<string, Asset>()

  async function servePage(http: HttpContext): Promise<Response> {
    const page = await readIfExists(join(directory, 'index.html'))
    const html = (page ? new TextDecoder().decode(page) : NOT_BUILT).replaceAll('="./', () => `="${basePath}/`)
    // Revalidated at each visit: the page is small, and a new build is visible immediately.
    if (page) return http.body(html, 200, { ...headers, 'content-type': HTML, 'cache-control': 'no-cache' })
    return http.body(html, 503, { ...headers, 'content-type': HTML, 'cache-control': 'no-store' })
  }

  app.get('/', servePage)
  app.get('/jobs/:id', servePage)
  app.get('/assets/:name', async (http, next) => {
    const name = http.req.param('name')
    const asset = assets.get(name) ?? (await readAsset(directory, name))
    if (!asset) return await next()
    assets.set(name, asset)
    return sendAsset(http, asset, headers)
  })
  return app
}

function toHeaders(mediaSources: readonly string[]): Record<string, string> {
  const media = mediaSources.join(' ')
  const headers = toPageHeaders({
    'style-src': "'self'",
    'img-src': "'self' data: blob:",
    'media-src': `'self' blob: ${media}`.trim(),
    // Downloads fetch from the hosts of the videos.
    'connect-src': `'self' ${media}`.trim(),
  })
  return { ...headers, 'cross-origin-opener-policy': 'same-origin' }
}

async function readAsset(directory: string, name: string): Promise<Asset | null> {
  const plain = isAssetName(name) ? await readIfExists(join(directory, 'assets', name)) : null
  return plain && (await createAsset(name, plain))
}

async function readIfExists(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    return new Uint8Array(await readFile(path))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

const HTML = 'text/html; charset=utf-8'
const NOT_BUILT = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Reelay</title>
<h1>The studio is not built</h1>
<p>Run <code>npm run build</code> and load this page again. The API works without it, at <a href="./graphql">/graphql</a>.</p>
</html>
`
