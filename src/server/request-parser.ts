import { getOperationAST, OperationTypeNode } from 'graphql'
import type { Plugin as YogaPlugin } from 'graphql-yoga'
import { isPreflighted, PREFLIGHT_HEADERS } from './csrf.ts'
import { badRequest, httpError, payloadTooLarge, RETRY_AFTER_SECONDS } from './errors.ts'
import { checkOperation, checkParams, normalizeParams } from './graphql-params.ts'
import { createJsonBody } from './json-body.ts'
import { MAX_BODY_BYTES, MAX_OPERATION_BYTES, type MemoryLease } from './memory-budget.ts'
import { parseMultipart } from './multipart-body.ts'
import { BodyError, readBody } from './read-body.ts'

/** Longest subscription request, in bytes: a document, an id and a cursor, kept in memory while it lasts. */
export const MAX_SUBSCRIPTION_BYTES = 32 * 1024

/** The server context that Yoga receives with each request. */
export interface RequestContext {
  memory: MemoryLease
}

/** `application/json` and GraphQL's own types, in UTF-8. A header with two types is invalid. */
const JSON_TYPE =
  /^application\/(?:json|graphql-response\+json|graphql\+json)\s*(?:;\s*(?:charset=(?:"utf-?8"|utf-?8)|(?!charset)[\w-]+=(?:"[^"]*"|[^\s;,"]*))\s*)*$/i
const MULTIPART_TYPE = /^multipart\/form-data\s*;/i

/**
 * Reads requests: JSON and multipart by POST, and queries by GET. Requests that any web page can send without a CORS
 * preflight (a form, text, a plain GET) are refused, and bodies are limited before they are parsed.
 */
export function readRequests(): YogaPlugin<object, RequestContext> {
  return {
    onRequestParse: ({ request, requestParser, serverContext, setRequestParser }) => {
      if (request.method === 'POST') setRequestParser(() => readPost(request, serverContext.memory))
      if (request.method !== 'GET' || !requestParser) return
      setRequestParser(async (query) => {
        const params = await Promise.try(requestParser, query).catch(() => {
          throw badRequest('The variables or extensions in the URL are not valid JSON.')
        })
        // First: a client that sends only a hash gets the reply that makes it send the query, and nothing is executed.
        checkParams(normalizeParams(params))
        if (!isPreflighted(request.headers)) throw preflightRequired()
        return params
      })
    },
    // Only images make a request large, and only mutations accept images.
    onParse:
      () =>
      ({ result, context }) => {
        // Absent over WebSocket, whose messages have their own limit.
        const { memory, params } = context as typeof context & Partial<RequestContext>
        if (result instanceof Error) return
        checkOperation(result, params?.operationName)
        if (memory === undefined || memory.receivedBytes <= MAX_SUBSCRIPTION_BYTES) return
        const kind = getOperationAST(result, params?.operationName)?.operation
        if (kind === OperationTypeNode.SUBSCRIPTION) throw subscriptionTooLarge()
        if (kind === OperationTypeNode.QUERY && memory.receivedBytes > MAX_OPERATION_BYTES)
          throw tooLarge('A query', MAX_OPERATION_BYTES)
      },
  }
}

async function readPost(request: Request, memory: MemoryLease): Promise<never> {
  try {
    const params = normalizeParams(await readParams(request, memory))
    checkParams(params)
    // Yoga itself validates the shape that it expects of a parser.
    return params as never
  } catch (error) {
    if (error instanceof BodyError) throw BODY_REFUSALS[error.reason]()
    throw error instanceof SyntaxError ? badRequest('The request body is not valid JSON.') : error
  }
}

async function readParams(request: Request, memory: MemoryLease): Promise<unknown> {
  const contentType = request.headers.get('content-type') ?? ''
  const encoding = request.headers.get('content-encoding')
  if (encoding !== null && encoding.toLowerCase() !== 'identity')
    throw unsupported('Compressed request bodies are not supported: send the body without Content-Encoding.')
  if (MULTIPART_TYPE.test(contentType) && !contentType.includes(',')) {
    if (!isPreflighted(request.headers)) throw preflightRequired()
    return await readMultipart(request, memory, contentType)
  }
  if (!JSON_TYPE.test(contentType))
    throw unsupported('Unsupported Content-Type: expected application/json in UTF-8, or a GraphQL multipart request.')
  return await readJson(request, memory)
}

async function readJson(request: Request, memory: MemoryLease): Promise<unknown> {
  const body = createJsonBody()
  for await (const chunk of readBody(request, { memory, maxBytes: MAX_BODY_BYTES }))
    if (!body.write(chunk)) throw operationTooLarge()
  const params = body.end()
  if (typeof params !== 'object' || params === null)
    throw badRequest('The request body must be a JSON object with a query.')
  return params
}

async function readMultipart(request: Request, memory: MemoryLease, contentType: string): Promise<unknown> {
  const chunks = await Array.fromAsync(readBody(request, { memory, maxBytes: MAX_BODY_BYTES }))
  const params = await parseMultipart(Buffer.concat(chunks), contentType)
  // Uploading the file to fal may take two minutes. An image in JSON is stored soon, and its memory freed.
  memory.releaseAllButFile()
  return params
}

const unsupported = (message: string) => httpError(415, 'UNSUPPORTED_MEDIA_TYPE', message)
const tooLarge = (what: string, maxBytes: number) => payloadTooLarge(`${what} may have at most ${maxBytes} bytes.`)
export const subscriptionTooLarge = () => tooLarge('A subscription', MAX_SUBSCRIPTION_BYTES)
const operationTooLarge = () =>
  payloadTooLarge(
    `A request may have at most ${MAX_OPERATION_BYTES} bytes besides the data URIs in its variables: pass the image in a variable as "data:image/jpeg;base64,…", upload it, or pass its URL.`,
  )
const BODY_REFUSALS = {
  'too large': () =>
    payloadTooLarge(`A request may have at most ${MAX_BODY_BYTES} bytes: upload a smaller image, or pass its URL.`),
  overloaded: () =>
    httpError(503, 'SERVICE_UNAVAILABLE', 'The server is overloaded: try again in a few seconds.', {
      'retry-after': String(RETRY_AFTER_SECONDS),
    }),
  cut: () => badRequest('The connection closed before the whole request body arrived.'),
}
const preflightRequired = () =>
  httpError(
    403,
    'PREFLIGHT_REQUIRED',
    `GET and multipart requests need the header "${PREFLIGHT_HEADERS[0]}: true", which makes browsers send a CORS preflight first.`,
  )
