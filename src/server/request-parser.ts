import { GraphQLError, getOperationAST, OperationTypeNode } from 'graphql'
import type { Plugin as YogaPlugin } from 'graphql-yoga'
import { isPreflighted, PREFLIGHT_HEADERS } from './csrf.ts'
import { RETRY_AFTER_SECONDS } from './errors.ts'
import { checkOperation, checkParams, normalizeParams } from './graphql-params.ts'
import { createJsonBody } from './json-body.ts'
import { MAX_BODY_BYTES, MAX_OPERATION_BYTES, type MemoryLease } from './memory-budget.ts'
import { MultipartError, parseMultipart } from './multipart-body.ts'
import { BodyError, readBody } from './read-body.ts'

/** A subscription keeps what it came with for as long as it lasts: a document, an id and a cursor. */
export const MAX_SUBSCRIPTION_BYTES = 32 * 1024

/** What Yoga is given with each request. */
export interface RequestContext {
  memory: MemoryLease
}

/** `application/json` and GraphQL's own types, in UTF-8. Two types in one header are no type. */
const JSON_TYPE =
  /^application\/(?:json|graphql-response\+json|graphql\+json)\s*(?:;\s*(?:charset=(?:"utf-?8"|utf-?8)|(?!charset)[\w-]+=(?:"[^"]*"|[^\s;,"]*))\s*)*$/i
const MULTIPART_TYPE = /^multipart\/form-data\s*;/i

/**
 * Reads requests: JSON and multipart by POST, and queries by GET. What a browser sends for any page without asking
 * first (a form, text, a bare GET) runs nothing; nothing is parsed that is larger than it may be.
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
        // Before the rest: a client that asks by a hash alone has nothing run, and is told to send the query.
        checkParams(normalizeParams(params))
        if (!isPreflighted(request.headers)) throw preflightRequired()
        return params
      })
    },
    // Only an image makes a request large, and only a mutation takes one.
    onParse:
      () =>
      ({ result, context }) => {
        // Over a WebSocket there is no such memory: its messages have a limit of their own.
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
    // What Yoga expects of a parser is checked by Yoga: it is what came.
    return params as never
  } catch (error) {
    throw toRefusal(error)
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
    if (!tryToRead(() => body.write(chunk))) throw operationTooLarge()
  const params = tryToRead(() => body.end())
  if (typeof params !== 'object' || params === null)
    throw badRequest('The request body must be a JSON object with a query.')
  return params
}

function tryToRead<T>(read: () => T): T {
  try {
    return read()
  } catch {
    throw badRequest('The request body is not valid JSON.')
  }
}

async function readMultipart(request: Request, memory: MemoryLease, contentType: string): Promise<unknown> {
  const chunks: Uint8Array[] = []
  for await (const chunk of readBody(request, { memory, maxBytes: MAX_BODY_BYTES })) chunks.push(chunk)
  const params = await parseMultipart(Buffer.concat(chunks), contentType)
  // fal may take two minutes for it. An image in JSON is text until it is in the database, which is soon.
  memory.keepFile()
  return params
}

function toRefusal(error: unknown): unknown {
  if (error instanceof BodyError) return BODY_REFUSALS[error.reason]()
  if (!(error instanceof MultipartError)) return error
  return error.kind === 'too large' ? payloadTooLarge(error.message) : badRequest(error.message)
}

function refuse(status: number, code: string, message: string, headers: Record<string, string> = {}): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http: { status, headers } }, originalError: null })
}

const badRequest = (message: string) => refuse(400, 'BAD_REQUEST', message)
const unsupported = (message: string) => refuse(415, 'UNSUPPORTED_MEDIA_TYPE', message)
const payloadTooLarge = (message: string) => refuse(413, 'PAYLOAD_TOO_LARGE', message)
const tooLarge = (what: string, maxBytes: number) => payloadTooLarge(`${what} may have at most ${maxBytes} bytes.`)
export const subscriptionTooLarge = () => tooLarge('A subscription', MAX_SUBSCRIPTION_BYTES)
const operationTooLarge = () =>
  payloadTooLarge(
    `A request may have at most ${MAX_OPERATION_BYTES} bytes besides the data URIs in its variables: pass the image in a variable as "data:image/jpeg;base64,…", upload it, or pass its URL.`,
  )
const bodyTooLarge = () =>
  payloadTooLarge(`A request may have at most ${MAX_BODY_BYTES} bytes: upload a smaller image, or pass its URL.`)
const overloaded = () =>
  refuse(503, 'SERVICE_UNAVAILABLE', 'The server is overloaded: try again in a few seconds.', {
    'retry-after': String(RETRY_AFTER_SECONDS),
  })
const BODY_REFUSALS = {
  'too large': bodyTooLarge,
  overloaded,
  cut: () => badRequest('The connection closed before the whole request body arrived.'),
}
const preflightRequired = () =>
  refuse(
    403,
    'PREFLIGHT_REQUIRED',
    `GET and multipart requests need the header "${PREFLIGHT_HEADERS[0]}: true", which makes browsers send a CORS preflight first.`,
  )
