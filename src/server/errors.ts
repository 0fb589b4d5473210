import { randomUUID } from 'node:crypto'
import { GraphQLError } from 'graphql'
import { DomainError, InvalidArgumentError, ServiceUnavailableError } from '../errors.ts'

/** Reports what nobody expected. `id` stands in the answer too, so that the two can be brought together. */
export type OnError = (error: unknown, context: { stage: string; id?: string }) => void

/** When to come back, in seconds: what is away is looked at again and again, and soon used when it is back. */
export const RETRY_AFTER_SECONDS = 5

export interface ErrorDeps {
  onError: OnError
  /** Tells that something which the server needs is away for now, and that it is not the caller's doing. */
  isAway(error: unknown): boolean
}

/**
 * What a client sees of an error. A domain error is told with its code; GraphQL's own (syntax, validation, variables)
 * are told as they are; what will pass by itself is SERVICE_UNAVAILABLE; everything else becomes "Unexpected error." with
 * an id that stands in the log.
 */
export function toClientError(error: unknown, { onError, isAway }: ErrorDeps): GraphQLError {
  const thrown = findOriginal(error)
  const original = isAway(thrown)
    ? new ServiceUnavailableError('The database is away for the moment: try again in some seconds.', { cause: thrown })
    : thrown
  const position =
    error instanceof GraphQLError
      ? { nodes: error.nodes, source: error.source, positions: error.positions, path: error.path }
      : {}
  if (original instanceof DomainError) {
    if (original instanceof ServiceUnavailableError) onError(original, { stage: 'graphql' })
    return new GraphQLError(original.message, {
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
  if (original instanceof GraphQLError) return error instanceof GraphQLError ? error : original
  const id = randomUUID()
  onError(original, { stage: 'graphql', id })
  return new GraphQLError('Unexpected error.', {
    ...position,
    extensions: { code: 'INTERNAL_SERVER_ERROR', errorId: id },
  })
}

/** What was really thrown, below the GraphQLErrors that the executor wraps around it. */
function findOriginal(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError !== undefined ? findOriginal(error.originalError) : error
}
