import type { LogLine } from '../updates/update.ts'
import type { Failure } from './failure.ts'
import type { VideoResult } from './models.ts'

/**
 * How a job ends. `kept`: its request may be paid for and its result was not taken, because of this text, if there was one; a
 * retry goes on from there. Null: what the job held of the one that it repeats has come to its end.
 */
export type Ending = { kept?: { text: string | null } | null } & (
  | { status: 'SUCCEEDED'; video: VideoResult; logs?: LogLine[] }
  | { status: 'FAILED'; failure: Failure; logs?: LogLine[] }
  | { status: 'CANCELED'; logs?: LogLine[] }
)
