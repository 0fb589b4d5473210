import { createHash, type KeyObject, verify } from 'node:crypto'
import { parseJson, toRecord } from './json.ts'
import { isRequestId } from './response.ts'
import { type FalKeysOptions, openFalKeys } from './signing-keys.ts'

/** A delivery of fal's to a webhook, as it came: the headers `x-fal-webhook-…`, and the body's own bytes. */
export interface FalDelivery {
  requestId: string
  userId: string
  timestamp: string
  signature: string
  /** Never parsed and written again: another order of the same JSON has another signature. */
  rawBody: Uint8Array
}

/** Tells fal's deliveries from all others. */
export interface FalSignatures {
  /**
   * `unavailable` when fal's keys cannot be had now, so that nobody can tell. A signature counts for five minutes, before
   * and after, and does not cover the URL that it was sent to.
   */
  verify(delivery: FalDelivery): Promise<'valid' | 'invalid' | 'unavailable'>
  close(): void
}

/** How far fal's clock and ours may be apart, with the way between them, in seconds. */
const LEEWAY_SECONDS = 300
const SIGNATURE = /^[0-9a-f]{128}$/i
const TIMESTAMP = /^\d{1,12}$/
/** What a header can hold. A line break would make one part into two. */
const HEADER_TEXT = /^[\x20-\x7e\x80-\xff]+$/

/** Fetches no key before the first delivery that has the form of one. */
export function openFalSignatures(options: FalKeysOptions): FalSignatures {
  const { now = Date.now } = options
  const keys = openFalKeys(options)
  return {
    verify: async (delivery) => {
      if (!isWellFormed(delivery) || !isRecent(delivery.timestamp, now())) return 'invalid'
      const signed = toSignedBytes(delivery)
      const signature = Buffer.from(delivery.signature, 'hex')
      const fits = (key: KeyObject) => verify(null, signed, key, signature)
      const tried = keys.current
      if (tried.some(fits)) return 'valid'
      // fal may have a new key, and whoever cannot look cannot say no.
      if (!(await keys.refresh())) return 'unavailable'
      return keys.current !== tried && keys.current.some(fits) ? 'valid' : 'invalid'
    },
    close: keys.close,
  }
}

/**
 * The id of the request that a delivery tells of: the body's `request_id`, which the submit was answered with. Null when
 * it has none. The header need not say the same: fal has other ids for its repeated attempts.
 */
export function readDeliveredId(rawBody: Uint8Array): string | null {
  const text = Buffer.from(rawBody).toString()
  // What is too long to be parsed tells it before the model's own output.
  const id = toRecord(parseJson(text))?.request_id ?? BEGINNING.exec(text.slice(0, 4096))?.[1]
  return isRequestId(id) ? id : null
}

const BEGINNING = /^\s*\{[^[\]{}]*?"request_id"\s*:\s*"([^"\\]+)"/

function isWellFormed({ requestId, userId, timestamp, signature }: FalDelivery): boolean {
  return isRequestId(requestId) && HEADER_TEXT.test(userId) && TIMESTAMP.test(timestamp) && SIGNATURE.test(signature)
}

function isRecent(timestamp: string, nowMs: number): boolean {
  return Math.abs(nowMs / 1000 - Number(timestamp)) <= LEEWAY_SECONDS
}

function toSignedBytes({ requestId, userId, timestamp, rawBody }: FalDelivery): Buffer {
  const digest = createHash('sha256').update(rawBody).digest('hex')
  // Headers come as one character per byte, so this gives back the bytes that were sent.
  return Buffer.from([requestId, userId, timestamp, digest].join('\n'), 'latin1')
}
