import type { MemoryLease } from './memory-budget.ts'

/** Why a body was not read to its end. `cut`: the sender's connection broke. */
export class BodyError extends Error {
  readonly reason: 'too large' | 'overloaded' | 'cut'
  constructor(reason: BodyError['reason'], options?: ErrorOptions) {
    super(`The request body is not read: ${reason}`, options)
    this.reason = reason
  }
}

/**
 * Yields the chunks of a body as they arrive, and counts them against the process's memory. Ending the loop early
 * cancels the rest of the body.
 * @throws BodyError
 */
export async function* readBody(
  { headers, body }: Request,
  { memory, maxBytes }: { memory: MemoryLease; maxBytes: number },
): AsyncGenerator<Uint8Array, void> {
  if (Number(headers.get('content-length')) > maxBytes) throw new BodyError('too large')
  try {
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      if (!memory.extend(chunk.byteLength)) throw new BodyError('overloaded')
      if (memory.receivedBytes > maxBytes) throw new BodyError('too large')
      yield chunk
    }
  } catch (error) {
    // Callers need the reason, not the socket's error.
    throw error instanceof BodyError ? error : new BodyError('cut', { cause: error })
  }
}
