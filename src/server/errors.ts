import { randomUUID } from 'node:crypto'
import { GraphQLError } from 'graphql'
import {
  DatabaseUnavailableError,
  DomainError,
  InvalidArgumentError,
  ServiceUnavailableError,
  shorten,
} from '../errors.ts'

/** Reports an unexpected error. `id` is also in the response, so that the two can be matched. */
export type OnError = (error: unknown, context: { stage: string; id?: string }) => void

/** When to retry, in seconds: an unavailable dependency is used soon after it has recovered. */
export const RETRY_AFTER_SECONDS = 5

/** Most errors in one response: an input can contain any number of mistakes. */
export const MAX_ERRORS = 10

/** Longest error message, in characters: graphql's own messages quote the input. */
const MAX_MESSAGE_CHARACTERS = 500

/** Most locations of one error: a document can contain the same field hundreds of times. */
const MAX_NODES = 10

/** An error of the whole request, with the HTTP status of its response. */
export function httpError(
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http: { status, headers } } })
}

export const badRequest = (message: string) => httpError(400, 'BAD_REQUEST', message)
export const payloadTooLarge = (message: string) => httpError(413, 'PAYLOAD_TOO_LARGE', message)

/**
 * The error that a client sees. Domain errors keep their code, and GraphQL's own (syntax, validation, variables) are
 * sent unchanged; an outage becomes SERVICE_UNAVAILABLE, and every other error "Unexpected error." with an id that is
 * also in the log.
 */
export function toClientError(error: unknown, onError: OnError): GraphQLError {
  const thrown = findOriginal(error)
  const original =
    thrown instanceof DatabaseUnavailableError
      ? new ServiceUnavailableError('The database is unavailable: try again in a few seconds.', { cause: thrown })
      : thrown
  const shortened = error instanceof GraphQLError ? shortenError(error) : null
  const { nodes, source, positions, path } = shortened ?? {}
  const position = { nodes, source, positions, path }
  if (original instanceof DomainError) {
    if (original instanceof ServiceUnavailableError) onError(original, { stage: 'graphql' })
    return new GraphQLError(shorten(original.message, MAX_MESSAGE_CHARACTERS), {
      ...position,
      extensions: {
        code: original.code,
        ...(original instanceof InvalidArgumentError && { argument: original.argument }),
        ...(original instanceof ServiceUnavailableError && {
          http: { status: 503, headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } },
        }),
      },
    })
  }
  if (original instanceof GraphQLError) return shortened ?? original
  const id = randomUUID()
  onError(original, { stage: 'graphql', id })
  const extensions = { code: 'INTERNAL_SERVER_ERROR', errorId: id }
  return new GraphQLError('Unexpected error.', { ...position, extensions })
}

/** The same error with a bounded message and a bounded number of locations. */
export function shortenError(error: GraphQLError): GraphQLError {
  const { nodes, source, positions, path, originalError, extensions } = error
  if (error.message.length <= MAX_MESSAGE_CHARACTERS && (nodes?.length ?? 0) <= MAX_NODES) return error
  return new GraphQLError(shorten(error.message, MAX_MESSAGE_CHARACTERS), {
    ...(nodes ? { nodes: nodes.slice(0, MAX_NODES) } : { source, positions }),
    path,
    originalError,
    extensions,
  })
}

/** The thrown error below the GraphQLErrors that the executor wraps around it. */
function findOriginal(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError !== undefined ? findOriginal(error.originalError) : error
}
