import type { GraphQLResolveInfo } from 'graphql'
import type { Context } from '../context.ts'
import { QueryTooComplexError, ServiceUnavailableError } from '../errors.ts'

/** Limit for all long texts of one response together, in characters: five times 100 URLs of the maximum length. */
const MAX_CHARACTERS = 4_000_000

/**
 * Charges a long text to its response: the length of a response cannot be seen in its query.
 * @throws QueryTooComplexError when the response becomes too long
 * @throws ServiceUnavailableError when other responses use the memory for it
 */
export function countText(text: string, context: Context, { operation }: GraphQLResolveInfo): string {
  // A subscription sends its updates one by one.
  if (operation.operation === 'subscription') return text
  context.characters += text.length
  if (context.characters > MAX_CHARACTERS)
    throw new QueryTooComplexError(
      `The query is too large: its response exceeds ${MAX_CHARACTERS} characters. Request fewer jobs or fields.`,
    )
  // Held as text and as bytes until the client has received it.
  if (context.memory && !context.memory.reserve(2 * text.length))
    throw new ServiceUnavailableError('The server is sending too many large responses: try again in a few seconds.')
  return text
}
