/**
 * The driver of fal's queue and storage over `@fal-ai/serverless-client`.
 *
 * The library is used for `queue.submit`, `.status`, `.result`, `.cancel` and `storage.upload` only: its streams and
 * `subscribe` throw where nobody can catch. It is imported by this folder alone.
 */

import { queue, storage } from '@fal-ai/serverless-client'
import { FalError, requireUploaded } from './errors.ts'
import { createFalHosts } from './hosts.ts'
import { callFal, type FalCall } from './request.ts'
import {
  isRequestId,
  readCancel,
  readResult,
  readStatus,
  readSubmitted,
  readUploadSlot,
  toResponse,
} from './response.ts'
import { readStatusStream } from './status-stream.ts'
import type { Fal, FalCallOptions, FalInput, FalResponse, FalUploadSlot } from './types.ts'

export interface FalOptions {
  /** Base of the queue API, such as `https://queue.fal.run`; may have a path prefix. */
  queueUrl: string
  /** Base of the REST API, such as `https://rest.fal.ai`; may have a path prefix. */
  restUrl: string
  /** Hosts that results and uploads may come from; `*.fal.media` stands for all below it. */
  mediaHosts: string[]
  /** fal's API key; without one, calls that bring none go out without (a sandbox needs none). */
  key?: string | undefined
  /**
   * For a whole call; 30,000 by default, at least 1. Both requests of an upload together have up to four times that, but
   * no longer than 4.5 s and a second for each 100 kB.
   */
  timeoutMs?: number
  /** How long a status stream may be silent, comments included, in milliseconds. Default 60,000; fal sends one every 15 s. */
  silenceMs?: number
}

/** The bytes of an upload take longer than a few lines of JSON, but somebody waits for them. */
const UPLOAD_TIMEOUTS = 4
/** What an upload may take in all: this long, and as long as its bytes take on a slow line. In milliseconds. */
const UPLOAD_MS = 4_500
const UPLOAD_BYTES_PER_MS = 100

/**
 * Any number of adapters may live in one process; they share nothing but connections. There is nothing to close.
 * @throws TypeError when a base URL is not a plain http(s) URL.
 */
export function createFal(options: FalOptions): Fal {
  const { key: ownKey, timeoutMs = 30_000, silenceMs = 60_000, ...hostOptions } = options
  const hosts = createFalHosts(hostOptions)

  function call<T>(
    { signal, key = ownKey }: FalCallOptions,
    read: (response: FalResponse, call: FalCall) => T,
    send: () => Promise<unknown>,
    special: { timeoutMs?: number; ownConnection?: boolean } = {},
  ): Promise<T> {
    return callFal({ hosts, key: checkKey(key), signal, timeoutMs, ownConnection: false, read, ...special }, send)
  }

  return {
    async submit(endpoint, input, { webhookUrl, ...options } = {}) {
      checkEndpoint(endpoint)
      checkInput(input)
      const webhook = webhookUrl === undefined ? {} : { webhookUrl }
      // Without autoUpload the library sends the input as it is, and never uploads on its own.
      const send = () => queue.submit(endpoint, { input, autoUpload: false, ...webhook })
      return call(options, readSubmitted, send, { ownConnection: true })
    },
    async status(endpoint, requestId, { logs = true, ...options } = {}) {
      checkRequest(endpoint, requestId)
      const read = (response: FalResponse) => readStatus(response, { logs })
      return call(options, read, () => queue.status(endpoint, { requestId, logs }))
    },
    async *watch(endpoint, requestId, { signal, key = ownKey } = {}) {
      checkRequest(endpoint, requestId)
      const url = hosts.toGatewayUrl(
        `https://queue.fal.run/${toApp(endpoint)}/requests/${requestId}/status/stream?logs=1`,
      )
      if (url === null) throw new Error('the queue has no base URL')
      yield* readStatusStream({
        url,
        key: checkKey(key),
        signal,
        silenceMs,
        connectMs: Math.min(timeoutMs, CONNECT_MS),
      })
    },
    async result(endpoint, requestId, options = {}) {
      checkRequest(endpoint, requestId)
      return call(options, readResult, () => queue.result(endpoint, { requestId }))
    },
    readResult: (text) => readResult(toResponse(text, null)),
    async cancel(endpoint, requestId, options = {}) {
      checkRequest(endpoint, requestId)
      return call(options, readCancel, () => queue.cancel(endpoint, { requestId }))
    },
    async upload(file, { fileName, ...options } = {}) {
      const named = toNamedFile(file, fileName)
      let slot: FalUploadSlot | undefined
      const readSlotThenReceipt = (response: FalResponse, current: FalCall): FalUploadSlot => {
        if (slot === undefined) {
          slot = readUploadSlot(response, hosts)
          current.uploadUrl = slot.upload_url
        } else {
          requireUploaded(response)
        }
        return slot
      }
      const send = () => storage.upload(named)
      const patienceMs = Math.min(timeoutMs * UPLOAD_TIMEOUTS, UPLOAD_MS + Math.ceil(file.size / UPLOAD_BYTES_PER_MS))
      return (await call(options, readSlotThenReceipt, send, { timeoutMs: patienceMs })).file_url
    },
    isMediaUrl: hosts.isMediaUrl,
  }
}

/** How long a status stream may take to begin, in milliseconds. */
const CONNECT_MS = 10_000

/** The part of an endpoint that its requests are kept under: `fal-ai/fast-svd/text-to-video` is one of `fal-ai/fast-svd`. */
function toApp(endpoint: string): string {
  const segments = endpoint.split('/')
  const isNamespaced = segments[0] === 'workflows' || segments[0] === 'comfy'
  return segments.slice(0, isNamespaced ? 3 : 2).join('/')
}

/**
 * No segment can be `..`, a URL, a query or an escape: the library would pass all of them through, key attached.
 * Its namespaces (`workflows`, `comfy`) take a segment more.
 */
const ENDPOINT = /^(?!(?:workflows|comfy)\/[^/]+$)[A-Za-z0-9][A-Za-z0-9_-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*){1,6}$/
const MEDIA_TYPE = /^[\w.+-]+\/[\w.+-]+(?:\s*;.*)?$/

function checkEndpoint(endpoint: string): void {
  if (!ENDPOINT.test(endpoint)) throw new FalError('rejected', 'Expected a model id such as fal-ai/stable-video')
}

function checkRequest(endpoint: string, requestId: string): void {
  checkEndpoint(endpoint)
  if (!isRequestId(requestId))
    throw new FalError('rejected', "Expected one of fal's request ids: 1 to 128 letters, digits, - and _")
}

function checkInput(input: FalInput): void {
  const odd = Object.entries(input).find(([, value]) => {
    return typeof value !== 'string' && typeof value !== 'boolean' && !Number.isFinite(value)
  })
  if (odd === undefined) return
  const message = 'expected a text, a finite number, true or false'
  throw new FalError('rejected', message, { issues: [{ path: [odd[0]], code: 'not_json', message }] })
}

/** Checked here because fetch's own complaint about a bad header value repeats the value. */
function checkKey(key: string | undefined): string | null {
  if (key === undefined || key === '') return null
  if (/^[\x21-\x7e]+$/.test(key)) return key
  throw new FalError('auth', 'The fal key holds white space or characters that are not ASCII: correct it')
}

function toNamedFile(file: Blob, fileName: string | undefined): Blob {
  // The library would send the bytes of a look-alike as JSON, and fail on a type without a slash.
  if (!(file instanceof Blob))
    throw new FalError('rejected', 'Expected a Blob or File of Node itself: convert the file')
  if (file.type !== '' && !MEDIA_TYPE.test(file.type))
    throw new FalError('rejected', 'Expected a type such as image/png')
  return fileName === undefined ? file : new File([file], fileName, { type: file.type })
}
