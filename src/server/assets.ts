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

const compress = promisify(gzip)

export async function createAsset(
  plain: Uint8Array<ArrayBuffer>,
  { type, zips }: { type: string; zips: boolean },
): Promise<Asset> {
  return { type, plain, zipped: zips ? new Uint8Array(await compress(plain)) : null }
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
