import type { FalLogLine, FalStatus } from '../adapters/fal/types.ts'
import type { JobStatus } from '../generated/prisma/enums.ts'
import { toStorableText } from '../jobs/text.ts'
import type { LogLine } from '../updates/update.ts'

/** Bytes of log text kept per job; then one line says that the rest was dropped. */
export const MAX_LOG_BYTES = 64 * 1024

/** What a line counts at least, in bytes: a row holds its time and level too. So a job has 1,024 lines at most. */
const LEAST_LINE_BYTES = 64

/** How much of a request's log has been taken. */
export interface Taken {
  lines: number
  bytes: number
}

/** What one look at fal says about a job, in our words. */
export interface Reading {
  /** Null: it says nothing about the state. COMPLETED does not, before its result is known, unless with new lines. */
  status: JobStatus | null
  queuePosition: number | null
  progress: number | null
  logs: LogLine[]
  taken: Taken
}

/** Reads a status of fal. Its log lists all lines so far; what is beyond `taken` is new. */
export function toReading(answer: FalStatus, taken: Taken): Reading {
  const { logs, taken: takenNow } = takeLines(answer.logs, taken)
  return {
    // Log lines are written while running, also when nobody looked before COMPLETED.
    status:
      answer.state === 'IN_QUEUE' ? 'QUEUED' : answer.state === 'IN_PROGRESS' || logs.length > 0 ? 'RUNNING' : null,
    queuePosition: answer.state === 'IN_QUEUE' ? answer.position : null,
    progress: answer.state === 'IN_QUEUE' ? null : readProgress(answer.logs.map((line) => line.message)),
    logs,
    taken: takenNow,
  }
}

function takeLines(all: readonly FalLogLine[], taken: Taken): { logs: LogLine[]; taken: Taken } {
  const logs: LogLine[] = []
  let { bytes } = taken
  for (const line of all.slice(taken.lines)) {
    if (bytes > MAX_LOG_BYTES) break
    const message = toStorableText(line.message)
    bytes += Math.max(LEAST_LINE_BYTES, Buffer.byteLength(message))
    if (bytes > MAX_LOG_BYTES)
      logs.push({
        at: null,
        level: 'WARN',
        message: `The log is longer than ${MAX_LOG_BYTES / 1024} KiB or ${MAX_LOG_BYTES / LEAST_LINE_BYTES} lines: later lines are not kept.`,
      })
    else logs.push({ at: line.at?.toISOString() ?? null, level: line.level, message })
  }
  return { logs, taken: { lines: Math.max(taken.lines, all.length), bytes } }
}

/**
 * The progress that the newest telling line states, 0 to 1: `12/25` or `48%`. Null when none does; nothing is estimated,
 * for fal itself reports none.
 */
export function readProgress(messages: readonly string[]): number | null {
  for (const message of messages.toReversed()) {
    for (const [, done, all] of message.matchAll(/(?<![\d./-])(\d{1,5})\s*(?:\/|of)\s*(\d{1,5})(?!\d|[./-]\d)/g))
      if (Number(all) > 0 && Number(done) <= Number(all)) return Number(done) / Number(all)
    const [, percent] = /(?<![\d.,])(\d{1,3}(?:\.\d+)?)\s?%/.exec(message) ?? []
    if (Number(percent) <= 100) return Number(percent) / 100
  }
  return null
}
