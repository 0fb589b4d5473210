import { randomUUID } from 'node:crypto'
import { GraphQLError } from 'graphql'
import {
  DatabaseUnavailableError,
  DomainError,
  InvalidArgumentError,
  ServiceUnavailableError,
  shorten,
} from '../errors.ts'

/** Reports what nobody expected. `id` stands in the answer too, so that the two can be brought together. */
export type OnError = (error: unknown, context: { stage: string; id?: string }) => void

/** When to come back, in seconds: what is away is looked at again and again, and soon used when it is back. */
export const RETRY_AFTER_SECONDS = 5

/** Most errors in one answer. An input can have any number of mistakes: its sender mends the first ones first. */
export const MAX_ERRORS = 10

/** Longest message of an error, in characters: graphql's own repeat what they are about. */
const MAX_MESSAGE_CHARACTERS = 500

/** Most places in a document that one error names: a field can stand in it hundreds of times. */
const MAX_NODES = 10

export interface ErrorDeps {
  onError: OnError
}

/**
 * What a client sees of an error. A domain error is told with its code; GraphQL's own (syntax, validation, variables)
 * are told as they are; what will pass by itself is SERVICE_UNAVAILABLE; everything else becomes "Unexpected error." with
 * an id that stands in the log.
 */
export function toClientError(error: unknown, { onError }: ErrorDeps): GraphQLError {
  const thrown = findOriginal(error)
  const original =
    thrown instanceof DatabaseUnavailableError
      ? new ServiceUnavailableError('The database is unavailable: try again in a few seconds.', {
          cause: thrown,
        })
      : thrown
  const told = error instanceof GraphQLError ? shortenError(error) : null
  const position = told ? { nodes: told.nodes, source: told.source, positions: told.positions, path: told.path } : {}
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
  if (original instanceof GraphQLError) return told ?? original
  const id = randomUUID()
  onError(original, { stage: 'graphql', id })
  return new GraphQLError('Unexpected error.', {
    ...position,
    extensions: { code: 'INTERNAL_SERVER_ERROR', errorId: id },
  })
}

/** The same error, with a message and places that do not grow with the input. */
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

/** What was really thrown, below the GraphQLErrors that the executor wraps around it. */
function findOriginal(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError !== undefined ? findOriginal(error.originalError) : error
}
