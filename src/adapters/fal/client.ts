/**
 * The driver of fal's queue and storage over `@fal-ai/serverless-client`.
 *
 * Only `queue.submit`, `.status`, `.result`, `.cancel` and `storage.upload` are used: the library's streams and
 * `subscribe` throw errors that cannot be caught. Only this folder imports the library.
 */

import { queue, storage } from '@fal-ai/serverless-client'
import { FalError, requireUploaded } from './errors.ts'
import { createFalHosts, type FalHostsOptions } from './hosts.ts'
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

interface FalOptions extends FalHostsOptions {
  /** fal's API key, for calls that pass none. Without one, requests carry no key (the sandbox needs none). */
  key?: string | undefined
  /**
   * Limit for a whole call, in milliseconds: 30,000 by default, at least 1. The two requests of an upload together have
   * up to four times that, but at most 4.5 s plus 1 s per 100 kB.
   */
  timeoutMs?: number
  /** Longest silence of a status stream, in milliseconds. Default 60,000; fal sends a comment every 15 s. */
  silenceMs?: number
}

/** An upload takes longer than a few lines of JSON, but a caller waits for it. */
const UPLOAD_TIMEOUTS = 4
/** Upload limit: this many milliseconds, plus the time its bytes take on a slow connection. */
const UPLOAD_MS = 4_500
const UPLOAD_BYTES_PER_MS = 100

/**
 * Creates an adapter. Several in one process share nothing but connections. There is nothing to close.
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
      // With autoUpload off, the library sends the input unchanged and uploads nothing by itself.
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
      const path = `${toApp(endpoint)}/requests/${requestId}/status/stream?logs=1`
      const url = hosts.toGatewayUrl(`https://queue.fal.run/${path}`)
      if (url === null) throw new Error('the queue has no base URL')
      const connectMs = Math.min(timeoutMs, CONNECT_MS)
      yield* readStatusStream({ url, key: checkKey(key), signal, silenceMs, connectMs })
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
      const namedFile = toNamedFile(file, fileName)
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
      const send = () => storage.upload(namedFile)
      const uploadMs = Math.min(timeoutMs * UPLOAD_TIMEOUTS, UPLOAD_MS + Math.ceil(file.size / UPLOAD_BYTES_PER_MS))
      return (await call(options, readSlotThenReceipt, send, { timeoutMs: uploadMs })).file_url
    },
    isMediaUrl: hosts.isMediaUrl,
  }
}

/** Limit for opening a status stream, in milliseconds. */
const CONNECT_MS = 10_000

/** The app that an endpoint's requests belong to: `fal-ai/fast-svd` for `fal-ai/fast-svd/text-to-video`. */
function toApp(endpoint: string): string {
  const segments = endpoint.split('/')
  const isNamespaced = segments[0] === 'workflows' || segments[0] === 'comfy'
  return segments.slice(0, isNamespaced ? 3 : 2).join('/')
}

/**
 * Rejects `..`, URLs, queries and escapes in every segment: the library would send them on with the key attached.
 * The namespaces `workflows` and `comfy` need one more segment.
 */
const ENDPOINT = /^(?!(?:workflows|comfy)\/[^/]+$)[A-Za-z0-9][A-Za-z0-9_-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*){1,6}$/
const MEDIA_TYPE = /^[\w.+-]+\/[\w.+-]+(?:\s*;.*)?$/

function checkEndpoint(endpoint: string): void {
  if (!ENDPOINT.test(endpoint)) throw new FalError('rejected', 'Expected a model ID such as fal-ai/stable-video')
}

function checkRequest(endpoint: string, requestId: string): void {
  checkEndpoint(endpoint)
  if (!isRequestId(requestId))
    throw new FalError('rejected', 'Expected a fal request ID: 1 to 128 letters, digits, - and _')
}

function checkInput(input: FalInput): void {
  const invalid = Object.entries(input).find(([, value]) => {
    return typeof value !== 'string' && typeof value !== 'boolean' && !Number.isFinite(value)
  })
  if (invalid === undefined) return
  const message = 'expected a string, a finite number, true or false'
  throw new FalError('rejected', message, { issues: [{ path: [invalid[0]], code: 'not_json', message }] })
}

/** Checked here because fetch repeats an invalid header value in its error. */
function checkKey(key: string | undefined): string | null {
  if (key === undefined || key === '') return null
  if (/^[\x21-\x7e]+$/.test(key)) return key
  throw new FalError('auth', 'The fal key contains white space or non-ASCII characters: correct it')
}

function toNamedFile(file: Blob, fileName: string | undefined): Blob {
  // The library would send any other Blob implementation as JSON, and fails on a type without a slash.
  if (!(file instanceof Blob)) throw new FalError('rejected', "Expected Node's own Blob or File: convert the file")
  if (file.type !== '' && !MEDIA_TYPE.test(file.type))
    throw new FalError('rejected', 'Expected a type such as image/png')
  return fileName === undefined ? file : new File([file], fileName, { type: file.type })
}
