import type { Failure } from './failure.ts'
import type { VideoResult } from './models.ts'

/**
 * How a job ends. `kept` stores its request, which may be paid for, and the unusable result text if there was one; a
 * retry continues from there. `kept: null` deletes the request that the job inherited: it is finished.
 */
export type Ending = { kept?: { text: string | null } | null } & (
  | { status: 'SUCCEEDED'; video: VideoResult }
  | { status: 'FAILED'; failure: Failure }
  | { status: 'CANCELED' }
)

export function failed(failure: Failure): Ending {
  return { status: 'FAILED', failure }
}
