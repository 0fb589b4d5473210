import { createHash, type KeyObject, verify } from 'node:crypto'
import { parseJson, toRecord } from './json.ts'
import { isRequestId } from './response.ts'
import { type FalKeysOptions, openFalKeys } from './signing-keys.ts'

/** A webhook request of fal: its `x-fal-webhook-…` headers and the raw body. */
export interface FalDelivery {
  requestId: string
  userId: string
  timestamp: string
  signature: string
  /** Never parsed and serialized again: reordered JSON has another signature. */
  rawBody: Uint8Array
}

/** Largest difference between fal's clock and ours, network delay included, in seconds. */
const LEEWAY_SECONDS = 300
const SIGNATURE = /^[0-9a-f]{128}$/i
const TIMESTAMP = /^\d{1,12}$/
/** The characters of a header. A line break would turn one signed part into two. */
const HEADER_TEXT = /^[\x20-\x7e\x80-\xff]+$/

/** Verifies that fal signed a delivery. Fetches the keys at the first well-formed one. */
export function openFalSignatures(options: FalKeysOptions) {
  const { now = Date.now } = options
  const keys = openFalKeys(options)
  return {
    /**
     * `unavailable` when fal's keys cannot be fetched, so that the signature can be neither confirmed nor refused. A
     * signature is valid for 5 minutes before and after its timestamp, and does not cover the URL.
     */
    verify: async (delivery: FalDelivery): Promise<'valid' | 'invalid' | 'unavailable'> => {
      if (!isWellFormed(delivery) || !isRecent(delivery.timestamp, now())) return 'invalid'
      const signed = toSignedBytes(delivery)
      const signature = Buffer.from(delivery.signature, 'hex')
      const matches = (key: KeyObject) => verify(null, signed, key, signature)
      const tried = keys.current
      if (tried.some(matches)) return 'valid'
      // fal may have a new key, so a failed refresh leaves the delivery undecided.
      if (!(await keys.refresh())) return 'unavailable'
      return keys.current !== tried && keys.current.some(matches) ? 'valid' : 'invalid'
    },
    close: keys.close,
  }
}

/**
 * The body's `request_id`, which is the ID that the submit returned; null when there is none. The header may differ:
 * fal uses other IDs for its repeated attempts.
 */
export function readDeliveredId(rawBody: Uint8Array): string | null {
  const text = Buffer.from(rawBody).toString()
  // In a body too long to parse, the ID precedes the model's output.
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
  // Header values have one character per byte, so latin1 restores the bytes that were sent.
  return Buffer.from([requestId, userId, timestamp, digest].join('\n'), 'latin1')
}
