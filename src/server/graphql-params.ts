import { type DocumentNode, GraphQLError, getOperationAST, Kind } from 'graphql'
import { shorten } from '../errors.ts'

/** What a request may leave away, or leave empty. */
const OPTIONAL = ['operationName', 'variables', 'extensions'] as const

/** How much of an unknown name is repeated, in characters. */
const SHOWN_LENGTH = 100

/**
 * Makes one reading of what forms, URLs and client libraries write for "none": over HTTP and over a WebSocket an empty
 * text stands for a parameter that was left away. Changes what it is given, which was parsed just now.
 */
export function normalizeParams(params: unknown): unknown {
  if (!isObject(params)) return params
  for (const name of OPTIONAL) if (params[name] === '') params[name] = null
  // No query is the operation's mistake and no other's: on a WebSocket it would be one of the protocol.
  params.query ??= ''
  return params
}

/** @throws GraphQLError for an operation without a query, or with a name that is none; the rest the libraries check. */
export function checkParams(params: unknown): void {
  if (!isObject(params)) return
  const { query, operationName, extensions } = params
  if (query === '') throw isObject(extensions) && isObject(extensions.persistedQuery) ? notSupported() : withoutQuery()
  if (operationName != null && typeof operationName !== 'string')
    throw refuse(400, 'BAD_REQUEST', `"operationName" must be a string: received the type ${typeof operationName}.`)
}

/** @throws GraphQLError when the document does not have the operation, or has several and none is named. */
export function checkOperation(document: DocumentNode, operationName: string | null | undefined): void {
  if (getOperationAST(document, operationName)) return
  const count = document.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION).length
  throw refuse(
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
 * Clients with a persisted-query link ask by a hash first: at these very words, and a status of success, they send the
 * query, and hashes no more. @see https://www.apollographql.com/docs/apollo-server/performance/apq
 */
const notSupported = () => refuse(200, 'PERSISTED_QUERY_NOT_SUPPORTED', 'PersistedQueryNotSupported')

const withoutQuery = () => refuse(400, 'BAD_REQUEST', '"query" is missing: expected the text of a GraphQL document.')

function refuse(status: number, code: string, message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http: { status } } })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
