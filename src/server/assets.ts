import { extname } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Context as HttpContext } from 'hono'

/** A file whose name contains a hash of its content. */
export interface Asset {
  type: string
  plain: Uint8Array<ArrayBuffer>
  /** Null for types that do not compress. */
  zipped: Uint8Array<ArrayBuffer> | null
}

/** The media types of assets, by the ending of their names. */
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
}

const compress = promisify(gzip)

/** A plain file name of a known type: no hidden file, and no path to another folder. */
export function isAssetName(name: string): boolean {
  return /^[\w-][\w.-]*$/.test(name) && Object.hasOwn(TYPES, extname(name))
}

export async function createAsset(name: string, plain: Uint8Array<ArrayBuffer>): Promise<Asset> {
  const zips = !/\.(?:png|webp)$/.test(name)
  return { type: TYPES[extname(name)] ?? '', plain, zipped: zips ? new Uint8Array(await compress(plain)) : null }
}

/** Cached forever by browsers, and gzipped for clients that accept it. */
export function sendAsset(
  http: HttpContext,
  { type, plain, zipped }: Asset,
  headers: Record<string, string>,
): Response {
  const sent = /\bgzip\b/.test(http.req.header('accept-encoding') ?? '') ? zipped : null
  return http.body(sent ?? plain, 200, {
    ...headers,
    'content-type': type,
    ...(sent && { 'content-encoding': 'gzip' }),
    vary: 'accept-encoding',
    'cache-control': 'public, max-age=31536000, immutable',
  })
}
