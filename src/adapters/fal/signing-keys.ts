import { createPublicKey, type KeyObject } from 'node:crypto'
import { FalError } from './errors.ts'
import { parseJson, toRecord } from './json.ts'
import { readText } from './request.ts'

export interface FalKeysOptions {
  /** URL of fal's JSON Web Key set. */
  jwksUrl: string
  /** Milliseconds since 1970. Default: the system's clock. */
  now?: () => number
  /** Limit for the whole response, in milliseconds. Default 5,000. */
  timeoutMs?: number
  /** Receives a FalError for each failed fetch. */
  onError(error: unknown, context: { stage: string }): void
}

/** fal's rule: keys must be fetched again after this time. */
const MAX_AGE_MS = 24 * 3600_000
const MIN_BETWEEN_MS = 60_000
const MAX_BODY_BYTES = 64 * 1024
/** A forged delivery is checked against every key. */
const MAX_KEYS = 20

/** fal's public signing keys, fetched at first use and discarded after a day. */
export function openFalKeys({ jwksUrl, now = Date.now, timeoutMs = 5_000, onError }: FalKeysOptions) {
  const closing = new AbortController()
  let cached: { keys: readonly KeyObject[]; at: number } = { keys: [], at: 0 }
  let last: { outcome: Promise<boolean>; at: number } | null = null

  async function fetchKeys(): Promise<boolean> {
    const at = now()
    try {
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(timeoutMs)])
      cached = { keys: readKeys(await readJwks(jwksUrl, signal)), at }
      return true
    } catch (error) {
      if (!closing.signal.aborted) onError(toFailure(error), { stage: 'webhook keys' })
      return false
    }
  }

  return {
    /** The keys that are trusted now: empty before the first fetch and a day after the last. */
    get current() {
      return now() - cached.at < MAX_AGE_MS ? cached.keys : []
    },
    /**
     * Fetches the keys at most once per minute; other calls within that minute share the outcome of the last fetch.
     * False when the fetch failed; the previous keys are then kept.
     */
    refresh: (): Promise<boolean> => {
      if (last === null || now() - last.at >= MIN_BETWEEN_MS) last = { at: now(), outcome: fetchKeys() }
      return last.outcome
    },
    close: () => closing.abort(new Error('the server is stopping')),
  }
}

/** @throws FalError for a response without keys, or the error of fetch. */
async function readJwks(url: string, signal: AbortSignal): Promise<unknown> {
  // Redirects are not followed: an attacker who can forge one could name another host.
  const response = await fetch(url, { redirect: 'manual', signal, headers: { accept: 'application/json' } })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw unusable(`status ${response.status}`)
  }
  const { text, complete, error } = await readText(response, MAX_BODY_BYTES)
  if (error !== undefined) throw error
  if (!complete) throw unusable(`more than ${MAX_BODY_BYTES} bytes`)
  return parseJson(text)
}

/**
 * The Ed25519 keys of a JSON Web Key set; keys of other types are skipped.
 * @throws FalError when there is no usable key, because fal always publishes one.
 */
export function readKeys(jwks: unknown): KeyObject[] {
  const entries = toRecord(jwks)?.keys
  const keys = Array.isArray(entries) ? entries.flatMap(toKey).slice(0, MAX_KEYS) : []
  if (keys.length === 0) throw unusable('no usable key')
  return keys
}

function toKey(entry: unknown): KeyObject[] {
  const { kty, crv, x } = toRecord(entry) ?? {}
  if (kty !== 'OKP' || crv !== 'Ed25519' || typeof x !== 'string' || !ENCODED_POINT.test(x)) return []
  const point = Buffer.from(x, 'base64url')
  if (isSmallOrder(point)) return []
  return [createPublicKey({ key: { kty, crv, x: point.toString('base64url') }, format: 'jwk' })]
}

/** 32 bytes in base64url, which some encoders pad. */
const ENCODED_POINT = /^[A-Za-z0-9_-]{43}=?$/

/**
 * With a key of small order one signature is valid for many messages, and OpenSSL 3.0 accepts such a key (3.5 does
 * not). These are all encodings of such points, without the sign of x, which is the highest bit.
 * @see https://eprint.iacr.org/2020/1244 (all of them in its table of small-order points)
 */
const SMALL_ORDER = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])

function isSmallOrder(point: Buffer): boolean {
  const unsigned = Buffer.from(point)
  unsigned.writeUInt8(unsigned.readUInt8(31) & 0x7f, 31)
  return SMALL_ORDER.has(unsigned.toString('hex'))
}

function unusable(what: string): FalError {
  return new FalError('unreadable', `fal's webhook keys could not be read (${what})`)
}

function toFailure(error: unknown): FalError {
  if (error instanceof FalError) return error
  return new FalError('unavailable', "fal's webhook keys could not be fetched: deliveries wait", { cause: error })
}
