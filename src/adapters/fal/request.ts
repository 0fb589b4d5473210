/**
 * Sends every request of the client library to fal, bound to the call that caused it.
 *
 * `@fal-ai/serverless-client` has one configuration per process. The hooks below are stateless: base URLs, key and
 * deadline come from the call in the AsyncLocalStorage, so that adapters with different keys share the library safely.
 *
 * Node's global fetch pools the connections: kept alive, one request at a time on each, closed after 4 idle seconds.
 * Polling 1,000 jobs once a second needs about rate × latency connections (100 at 100 ms), not 1,000. Only a submit
 * opens its own connection: see `ownConnection`.
 */

import { AsyncLocalStorage } from 'node:async_hooks'
import { addAbortListener } from 'node:events'
import { config } from '@fal-ai/serverless-client'
import { Agent } from 'undici'
import { FalError, toRetryAfterMs } from './errors.ts'
import type { FalHosts } from './hosts.ts'
import type { FalResponse } from './types.ts'

/** The context of one call of the port. */
export interface FalCall<T = unknown> {
  readonly hosts: FalHosts
  readonly key: string | null
  /** Aborts with the caller's reason, or with a FalError at the deadline. */
  readonly signal: AbortSignal
  /**
   * Sends over a new connection. fal may just have closed a pooled one: the request then fails as one that fal may have
   * accepted, although fal never saw it. A read is retried after that, but a submit must not be.
   */
  readonly ownConnection: boolean
  /** Set once fal has returned it: the only URL besides the base URLs that this call may PUT to. */
  uploadUrl: string | null
  /** Converts each response into the value that the client library receives. */
  readonly read: (response: FalResponse, call: FalCall) => T
}

interface FalCallSettings<T> extends Omit<FalCall<T>, 'signal' | 'uploadUrl'> {
  signal: AbortSignal | undefined
  timeoutMs: number
}

/** Longer bodies are read up to here. */
const MAX_BODY_BYTES = 1024 * 1024

const calls = new AsyncLocalStorage<FalCall>()
/** Sends `connection: close` and pools nothing, so it needs no closing. Opens nothing until it is used. */
const ownConnections = new Agent({ pipelining: 0 })
let configured = false

/**
 * Runs `send`, which calls the client library, under one deadline, and resolves to the value that `read` returned for
 * the last response. (The library's own return value is not enough: its cancel discards the response.)
 * @throws FalError, or the reason of `signal`.
 */
export async function callFal<T>(settings: FalCallSettings<T>, send: () => Promise<unknown>): Promise<T> {
  const { signal, timeoutMs, ...call } = settings
  signal?.throwIfAborted()
  configureClient()
  const deadline = new AbortController()
  using _timer = setTimeout(() => {
    deadline.abort(new FalError('interrupted', `fal did not respond within ${timeoutMs} ms`))
  }, timeoutMs)
  // Not AbortSignal.any: a worker's signal outlives millions of calls, and each must remove its listener.
  using _abort = signal && addAbortListener(signal, () => deadline.abort(signal.reason))
  const outcomes: T[] = []
  const read: FalCall['read'] = (response, current) => {
    outcomes.push(call.read(response, current))
    return outcomes.at(-1)
  }
  await calls.run({ ...call, signal: deadline.signal, uploadUrl: null, read }, send)
  if (outcomes.length === 0) throw new Error('The fal client returned without sending a request.')
  return outcomes.at(-1) as T
}

/** Once: a second configuration would replace the first, and without any the library prints a line per call. */
function configureClient(): void {
  if (configured) return
  configured = true
  config({
    // A function keeps the library from reading a key from the environment.
    credentials: () => calls.getStore()?.key ?? undefined,
    fetch: gatewayFetch,
    responseHandler: async (response) => {
      const call = currentCall()
      return call.read(await readResponse(response, call), call)
    },
  })
}

function currentCall(): FalCall {
  const call = calls.getStore()
  if (call === undefined) throw new Error('The fal client was called outside its adapter: use createFal().')
  return call
}

/** Sends once, to fal's base URLs or to this call's upload URL, and follows no redirect. */
const gatewayFetch: typeof fetch = async (input, init = {}) => {
  const call = currentCall()
  const url = String(input)
  const isUpload = url === call.uploadUrl
  const target = isUpload ? url : call.hosts.toGatewayUrl(url)
  if (target === null)
    throw new FalError('rejected', `Refused to call ${new URL(url).host}: it is not one of fal's hosts`)
  const headers = new Headers(init.headers)
  // The upload URL is its own credential.
  if (isUpload) headers.delete('authorization')
  try {
    const connection = call.ownConnection ? { dispatcher: ownConnections } : {}
    return await fetch(target, { ...init, ...connection, headers, redirect: 'manual', signal: call.signal })
  } catch (error) {
    throw toCallFailure(error, call)
  }
}

/** Reads a response up to the size limit. */
export async function readResponse(response: Response, call: Pick<FalCall, 'key' | 'signal'>): Promise<FalResponse> {
  const { text, complete, error } = await readText(response, MAX_BODY_BYTES)
  // An error status is definite even when its body is cut off.
  if (error !== undefined && (response.ok || call.signal.aborted)) throw toCallFailure(error, call)
  return {
    status: response.status,
    text,
    complete,
    errorType: response.headers.get('x-fal-error-type'),
    retryAfterMs: toRetryAfterMs(response.headers.get('retry-after'), Date.now()),
    key: call.key,
  }
}

/** Reads at most `maxBytes` of a body, counted after decompression. `error` is set when the connection broke. */
export async function readText(
  response: Response,
  maxBytes: number,
): Promise<{ text: string; complete: boolean; error?: unknown }> {
  const decoder = new TextDecoder()
  let text = ''
  let sizeBytes = 0
  try {
    for await (const chunk of response.body ?? []) {
      sizeBytes += chunk.byteLength
      // Leaving the loop cancels the rest.
      if (sizeBytes > maxBytes) return { text, complete: false }
      text += decoder.decode(chunk, { stream: true })
    }
  } catch (error) {
    return { text, complete: false, error }
  }
  return { text: text + decoder.decode(), complete: true }
}

/** Translates an error of fetch, or of reading its body, into a FalError or the caller's abort reason. */
export function toCallFailure(error: unknown, call: Pick<FalCall, 'signal'>): unknown {
  if (call.signal.aborted) return call.signal.reason
  // Without its cause: the parser's error contains the response's bytes, which may repeat the key.
  if (isParserError(error)) return new FalError('interrupted', 'The connection to fal broke: its response is not HTTP')
  const code = findCode(error) ?? 'unknown reason'
  if (wasNeverSent(error)) return new FalError('not-sent', `fal could not be reached (${code})`, { cause: error })
  const message = `The connection to fal broke before its response was complete (${code})`
  return new FalError('interrupted', message, { cause: error })
}

function isParserError(error: unknown): boolean {
  return error instanceof Error && (error.name === 'HTTPParserError' || isParserError(error.cause))
}

/** Codes that occur only before a connection is open: DNS, refused, timed out, or an untrusted certificate. */
const NEVER_SENT = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'],
  ...['CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ...['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
])

/**
 * True when the connection was never opened, so that no byte of the request was sent. EHOSTUNREACH, ENETUNREACH and
 * ETIMEDOUT also occur on open connections, so they count only from the `connect` system call. When several addresses
 * were tried, all must have failed this way.
 */
export function wasNeverSent(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.every(wasNeverSent)
  const { code, syscall } = error as NodeJS.ErrnoException
  if (code !== undefined && NEVER_SENT.has(code)) return true
  if (syscall === 'connect' || syscall === 'getaddrinfo') return true
  return wasNeverSent(error.cause)
}

function findCode(error: unknown): string | null {
  if (!(error instanceof Error)) return null
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' ? code : findCode(error.cause)
}
