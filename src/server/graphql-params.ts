import { type DocumentNode, getOperationAST, Kind } from 'graphql'
import { shorten } from '../errors.ts'
import { badRequest, httpError } from './errors.ts'

/** Parameters that may be omitted or empty. */
const OPTIONAL = ['operationName', 'variables', 'extensions'] as const

/** Characters of an unknown name in an error. */
const SHOWN_LENGTH = 100

/**
 * Treats an empty string as an omitted parameter, over HTTP and WebSocket alike, since forms, URLs and client libraries
 * differ in how they express "none". Mutates the freshly parsed parameters.
 */
export function normalizeParams(params: unknown): unknown {
  if (!isObject(params)) return params
  for (const name of OPTIONAL) if (params[name] === '') params[name] = null
  // A missing query is an error of the operation; over a WebSocket it would count as one of the protocol.
  params.query ??= ''
  return params
}

/** @throws GraphQLError when the query is missing or the operation name is not a string; libraries check the rest. */
export function checkParams(params: unknown): void {
  if (!isObject(params)) return
  const { query, operationName, extensions } = params
  if (query === '')
    throw isObject(extensions) && isObject(extensions.persistedQuery)
      ? persistedQueryNotSupported()
      : badRequest('"query" is missing: expected the text of a GraphQL document.')
  if (operationName != null && typeof operationName !== 'string')
    throw badRequest(`"operationName" must be a string: received the type ${typeof operationName}.`)
}

/** @throws GraphQLError when the document lacks the named operation, or has several and none is named. */
export function checkOperation(document: DocumentNode, operationName: string | null | undefined): void {
  if (getOperationAST(document, operationName)) return
  const count = document.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION).length
  throw httpError(
    400,
    'OPERATION_RESOLUTION_FAILURE',
    operationName
      ? `The document has no operation named "${shorten(operationName, SHOWN_LENGTH)}": set "operationName" to the name of one, or omit it.`
      : count === 0
        ? 'The document has no operation: expected a query, a mutation or a subscription.'
        : `The document has ${count} operations: set "operationName" to the name of one.`,
  )
}

/**
 * Clients with a persisted-query link send a hash first: this exact message with a success status makes them send the
 * query, and no more hashes. @see https://www.apollographql.com/docs/apollo-server/performance/apq
 */
const persistedQueryNotSupported = () => httpError(200, 'PERSISTED_QUERY_NOT_SUPPORTED', 'PersistedQueryNotSupported')

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
