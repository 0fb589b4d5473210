/**
 * The one way out to fal: what the client library fetches goes through here, bound to the call that asked for it.
 *
 * `@fal-ai/serverless-client` has one configuration for the whole process. Its hooks below hold nothing themselves:
 * base URLs, key, deadline and bookkeeping come from the call in the AsyncLocalStorage, so that any number of adapters
 * with different keys share the library without mixing.
 *
 * Connections are those of Node's global fetch: kept alive, one request at a time on each, as many as there are
 * requests under way, closed after 4 idle seconds. A thousand jobs asked once a second need about
 * rate × latency of them (100 at 100 ms), not a thousand. A submit alone opens one of its own: see `ownConnection`.
 */

import { AsyncLocalStorage } from 'node:async_hooks'
import { config } from '@fal-ai/serverless-client'
import { Agent } from 'undici'
import { FalError, toRetryAfterMs } from './errors.ts'
import type { FalHosts } from './hosts.ts'
import type { FalResponse } from './types.ts'

/** What one call of the port brings along. */
export interface FalCall {
  readonly hosts: FalHosts
  readonly key: string | null
  /** Aborts with the caller's reason, or with the FalError that says that time ran out. */
  readonly signal: AbortSignal
  /** See {@link FalCallSettings}. */
  readonly ownConnection: boolean
  /** Set once fal has named it: the one URL besides the base URLs that this call may PUT to. */
  uploadUrl: string | null
  /** Makes of each answer what the client library is to be given. */
  readonly read: (answer: FalResponse, call: FalCall) => unknown
}

export interface FalCallSettings<T> {
  hosts: FalHosts
  key: string | null
  signal: AbortSignal | undefined
  timeoutMs: number
  /**
   * Sends over a connection that carried nothing before. A kept one may just have been closed by the other side: the
   * request then breaks as one that fal may have taken, although it never saw it. A read is asked again; a submit is lost.
   */
  ownConnection: boolean
  read: (answer: FalResponse, call: FalCall) => T
}

/** Answers longer than this are not read to their end. */
const MAX_ANSWER_BYTES = 1024 * 1024

const calls = new AsyncLocalStorage<FalCall>()
/** Says `connection: close` and keeps none, so there is nothing to close here; opens nothing before it is used. */
const ownConnections = new Agent({ pipelining: 0 })
let configured = false

/**
 * Runs `send`, which calls the client library, as one call with one deadline, and resolves to what `read` made of the
 * last answer. (The library's own return value will not do: its cancel throws the answer away.)
 * @throws FalError, or the reason of `signal`.
 */
export async function callFal<T>(settings: FalCallSettings<T>, send: () => Promise<unknown>): Promise<T> {
  const { hosts, key, signal, timeoutMs, ownConnection, read } = settings
  signal?.throwIfAborted()
  configureClient()
  const deadline = new AbortController()
  const abort = () => deadline.abort(signal?.reason)
  const timer = setTimeout(() => {
    deadline.abort(new FalError('interrupted', `fal did not answer within ${timeoutMs} ms`))
  }, timeoutMs)
  // Not AbortSignal.any: a worker's signal outlives millions of calls, and each must leave nothing behind on it.
  signal?.addEventListener('abort', abort, { once: true })
  const outcomes: T[] = []
  const note = (answer: FalResponse, call: FalCall) => {
    const outcome = read(answer, call)
    outcomes.push(outcome)
    return outcome
  }
  try {
    await calls.run({ hosts, key, signal: deadline.signal, ownConnection, uploadUrl: null, read: note }, send)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
  if (outcomes.length === 0) throw new Error('The fal client returned without having asked fal: expected one request.')
  return outcomes[outcomes.length - 1] as T
}

/** Each configuration replaces the one before it, and none at all makes the library print a line per call. */
function configureClient(): void {
  if (configured) return
  configured = true
  config({
    // Given as a function, so that the library never looks into the environment for a key.
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
  if (call === undefined) throw new Error('The fal client was used past its adapter: go through createFal().')
  return call
}

/** Sends once, to fal's base URLs or to the upload URL of this call, following no redirect. */
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

/** An answer, read to its end or to the limit. */
export async function readResponse(response: Response, call: Pick<FalCall, 'key' | 'signal'>): Promise<FalResponse> {
  const { text, complete, error } = await readText(response, MAX_ANSWER_BYTES)
  // A refusal is definite even if its explanation was cut.
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

/** At most `maxBytes` of a body, counted after decompression; `error` is what broke it off. */
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

/** What a failure of fetch, or of reading what it brought, means for the caller. */
export function toCallFailure(error: unknown, call: Pick<FalCall, 'signal'>): unknown {
  if (call.signal.aborted) return call.signal.reason
  // Without its cause: the parser's error has the bytes of the answer with it, which may repeat the key.
  if (isParserError(error)) return new FalError('interrupted', 'The connection to fal broke: its answer is not HTTP')
  const code = findCode(error) ?? 'unknown reason'
  if (wasNeverSent(error)) return new FalError('not-sent', `fal could not be reached (${code})`, { cause: error })
  const message = `The connection to fal broke before its answer was complete (${code})`
  return new FalError('interrupted', message, { cause: error })
}

function isParserError(error: unknown): boolean {
  return error instanceof Error && (error.name === 'HTTPParserError' || isParserError(error.cause))
}

/** Codes that occur only before a connection stands: no lookup, no listener, no time, no trust. */
const NEVER_SENT = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'],
  ...['CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ...['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
])

/**
 * EHOSTUNREACH, ENETUNREACH and ETIMEDOUT can also hit a connection that stands, so they count only from the system
 * call that opens one. Where several addresses were tried, each must have failed so.
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
