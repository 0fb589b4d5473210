import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { Hono, type Context as HttpContext } from 'hono'
import { type Asset, createAsset, sendAsset } from './assets.ts'
import { toPageHeaders } from './page-headers.ts'

export interface StudioOptions {
  /** Where the build of the page is: `index.html` and `assets/`. It need not be there, and may come later. */
  directory: string
  /** Hosts that videos come from, as a Content-Security-Policy writes them. */
  mediaSources: readonly string[]
  /** Path of the public URL, empty for none: what the page loads is below it. */
  basePath: string
}

/** What a build may hold, and whether it gets smaller. */
const TYPES: Readonly<Record<string, { type: string; zips: boolean }>> = {
  '.js': { type: 'text/javascript; charset=utf-8', zips: true },
  '.css': { type: 'text/css; charset=utf-8', zips: true },
  '.svg': { type: 'image/svg+xml', zips: true },
  '.png': { type: 'image/png', zips: false },
  '.webp': { type: 'image/webp', zips: false },
}

/** A file of its own name, and of no other folder. */
const ASSET_NAME = /^[\w-][\w.-]*$/

/** The studio: its page at `/` and at the link of every job, and the files that the page loads. */
export function studioRoutes({ directory, mediaSources, basePath }: StudioOptions): Hono {
  const app = new Hono()
  const headers = toHeaders(mediaSources)
  const assets = new Map<string, Asset>()

  async function servePage(http: HttpContext): Promise<Response> {
    const page = await readIfThere(join(directory, 'index.html'))
    const told = (page ? new TextDecoder().decode(page) : NOT_BUILT).replaceAll('="./', () => `="${basePath}/`)
    // Small, and asked for again at each visit: a new build is seen at once.
    if (page) return http.body(told, 200, { ...headers, 'content-type': HTML, 'cache-control': 'no-cache' })
    return http.body(told, 503, { ...headers, 'content-type': HTML, 'cache-control': 'no-store' })
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
    // The hosts of the videos, since a download reads from there.
    'connect-src': `'self' ${media}`.trim(),
  })
  return { ...headers, 'cross-origin-opener-policy': 'same-origin' }
}

async function readAsset(directory: string, name: string): Promise<Asset | null> {
  const kind = TYPES[extname(name)]
  if (!kind || !ASSET_NAME.test(name)) return null
  const plain = await readIfThere(join(directory, 'assets', name))
  return plain && (await createAsset(plain, kind))
}

async function readIfThere(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
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
