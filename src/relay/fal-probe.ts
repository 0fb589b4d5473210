import { randomUUID } from 'node:crypto'
import { FalError } from '../adapters/fal/errors.ts'
import type { Fal } from '../adapters/fal/types.ts'
import { DEFAULT_MODEL } from '../jobs/models.ts'

/** Timeout of the probe, in milliseconds: a person waits for the banner. */
const TIMEOUT_MS = 3_000

/**
 * Polls the status of a request that does not exist. That costs nothing, and fal answers "not found" only to a valid key.
 * @throws FalError when fal cannot be reached, or refuses the key; the signal's reason when it aborts
 */
export async function probeFal(fal: Pick<Fal, 'status'>, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.timeout(TIMEOUT_MS)
  try {
    const either = AbortSignal.any([signal, limit])
    await fal.status(DEFAULT_MODEL.endpoint, randomUUID(), { signal: either, logs: false })
  } catch (error) {
    signal.throwIfAborted()
    if (limit.aborted) throw new FalError('interrupted', `fal did not respond within ${TIMEOUT_MS / 1000} s`)
    // fal itself refused this one request: the key is accepted.
    if (error instanceof FalError && (error.kind === 'not-found' || error.kind === 'rejected')) return
    throw error
  }
}
