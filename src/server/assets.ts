import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Context as HttpContext } from 'hono'

/** A file whose name changes with what is in it. */
export interface Asset {
  type: string
  plain: Uint8Array<ArrayBuffer>
  /** Null where it would win nothing. */
  zipped: Uint8Array<ArrayBuffer> | null
}

const compress = promisify(gzip)

export async function createAsset(
  plain: Uint8Array<ArrayBuffer>,
  { type, zips }: { type: string; zips: boolean },
): Promise<Asset> {
  return { type, plain, zipped: zips ? new Uint8Array(await compress(plain)) : null }
}

/** Sent once to each browser, and compressed to those that can read it. */
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
