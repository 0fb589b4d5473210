/** What stood in the way of a request, and what to do: for a person. */
export function toProblemWords(error: unknown): string {
  if (error instanceof TypeError || (error instanceof Error && /connection|network|offline/i.test(error.message)))
    return 'The server cannot be reached just now. Check your connection and try again.'
  return error instanceof Error ? error.message : 'Something went wrong. Try again.'
}
