import { createPublicKey, type KeyObject } from 'node:crypto'
import { FalError } from './errors.ts'
import { parseJson, toRecord } from './json.ts'
import { readText } from './request.ts'

/** The keys with which fal signs, fetched when they are first needed and forgotten a day later. */
export interface FalKeys {
  /** The keys that may be trusted now: none before the first fetch, and none that is older than a day. */
  readonly current: readonly KeyObject[]
  /**
   * Asks fal for its keys, once for all who call meanwhile, and at most once per minute: in between, the outcome of the
   * last time is told. False when fal's keys could not be had; those there were are kept then.
   */
  refresh(): Promise<boolean>
  /** Gives up a fetch that is under way. */
  close(): void
}

export interface FalKeysOptions {
  /** Where fal publishes its keys, as a JSON Web Key set. */
  jwksUrl: string
  /** Milliseconds since 1970. Default: the system's clock. */
  now?: () => number
  /** How long fal may take to answer, in milliseconds. Default 5000. */
  timeoutMs?: number
  /** Told of each fetch that failed: a FalError. */
  onError(error: unknown, context: { stage: string }): void
}

/** fal's own rule: a key is not to be used longer than this without asking again. */
const MAX_AGE_MS = 24 * 3600_000
const MIN_BETWEEN_MS = 60_000
const MAX_ANSWER_BYTES = 64 * 1024
/** A delivery that fits none has been tried with each. */
const MAX_KEYS = 20

export function openFalKeys({ jwksUrl, now = Date.now, timeoutMs = 5_000, onError }: FalKeysOptions): FalKeys {
  const closing = new AbortController()
  let kept: { keys: readonly KeyObject[]; at: number } = { keys: [], at: 0 }
  let last: { outcome: Promise<boolean>; at: number } | null = null

  async function fetchKeys(): Promise<boolean> {
    const at = now()
    try {
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(timeoutMs)])
      kept = { keys: readKeys(await readJwks(jwksUrl, signal)), at }
      return true
    } catch (error) {
      if (!closing.signal.aborted) onError(toFailure(error), { stage: 'webhook keys' })
      return false
    }
  }

  return {
    get current() {
      return now() - kept.at < MAX_AGE_MS ? kept.keys : []
    },
    refresh: () => {
      if (last === null || now() - last.at >= MIN_BETWEEN_MS) last = { at: now(), outcome: fetchKeys() }
      return last.outcome
    },
    close: () => closing.abort(new Error('the server stops')),
  }
}

/** @throws FalError when it is no answer with keys, and whatever fetch throws */
async function readJwks(url: string, signal: AbortSignal): Promise<unknown> {
  // A redirect is an answer without keys: whoever can bend this one way may not name another.
  const response = await fetch(url, { redirect: 'manual', signal, headers: { accept: 'application/json' } })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw unusable(`status ${response.status}`)
  }
  const { text, complete, error } = await readText(response, MAX_ANSWER_BYTES)
  if (error !== undefined) throw error
  if (!complete) throw unusable(`more than ${MAX_ANSWER_BYTES} bytes`)
  return parseJson(text)
}

/**
 * The Ed25519 keys of a JSON Web Key set. What is no such key is passed over: a set may hold others.
 * @throws FalError when none is left, which no set of fal's can mean
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

/** 32 bytes in base64url; some encoders pad. */
const ENCODED_POINT = /^[A-Za-z0-9_-]{43}=?$/

/**
 * With a key of small order one signature fits many messages, and OpenSSL 3.0 takes it (3.5 does not). These are all the
 * encodings of such points, without the sign of x, which is the highest bit.
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
