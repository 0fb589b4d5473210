import { randomUUID } from 'node:crypto'
import { FalError } from '../adapters/fal/errors.ts'
import type { Fal } from '../adapters/fal/types.ts'
import { DEFAULT_MODEL } from '../jobs/models.ts'

/** How long fal may take to answer, in milliseconds: a person waits for the start screen. */
const ANSWER_MS = 3_000

/**
 * Asks fal how a request stands that it has never seen. That costs nothing, and "not found" is what only a key that is
 * good gets to hear.
 * @throws FalError when fal cannot be reached, or refuses the key; the signal's reason when it aborts
 */
export async function probeFal(fal: Pick<Fal, 'status'>, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.timeout(ANSWER_MS)
  try {
    const either = AbortSignal.any([signal, limit])
    await fal.status(DEFAULT_MODEL.endpoint, randomUUID(), { signal: either, logs: false })
  } catch (error) {
    signal.throwIfAborted()
    if (limit.aborted) throw new FalError('interrupted', `fal did not answer within ${ANSWER_MS / 1000} s`)
    // A no to this one request, by fal itself.
    if (error instanceof FalError && (error.kind === 'not-found' || error.kind === 'rejected')) return
    throw error
  }
}
