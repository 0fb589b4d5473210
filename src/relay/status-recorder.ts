import type { FalLogLine, FalStatus } from '../adapters/fal/types.ts'
import type { Job } from '../generated/prisma/client.ts'
import type { JobStatus } from '../generated/prisma/enums.ts'
import { toStorableText } from '../text.ts'
import { canMove } from '../updates/job-status.ts'
import type { LogLine } from '../updates/update.ts'
import type { Change } from '../updates/update-log.ts'
import { appendUpdate, type ClaimContext, ClaimLostError, type RelayDeps } from './claim-context.ts'
import { countRepeated, createLogTail, type LinesDigest, toLinesDigest } from './repeated-lines.ts'

/** Bytes of log text kept per job. One more line then says that the rest was dropped. */
export const MAX_LOG_BYTES = 64 * 1024

/** Least size of a line, in bytes, since a row holds its time and level too. So a job has at most 1,024 lines. */
const MIN_LINE_BYTES = 64

export type StatusRecorder = ReturnType<typeof createStatusRecorder>

/** Appends to the update log what is new in a status of fal. */
export function createStatusRecorder(deps: RelayDeps, context: ClaimContext, job: Job) {
  const tail = createLogTail()
  let { status } = job
  let position = job.queuePosition
  let progress: number | null = null
  let recorded = { lines: job.falLogLines, bytes: job.falLogBytes }
  let changes = 0
  /**
   * The stream's last lines; null when none has come since the last poll, so that the first ones may be known. fal sends
   * new lines only; other servers repeat all lines in each event.
   */
  let before: LinesDigest | null = null

  async function append(change: StatusChange): Promise<void> {
    const { logs } = change
    // A status that would go back is not sent to the database: nothing would change there.
    const next = change.status !== null && canMove(status, change.status) ? change.status : status
    const isMoved = next === 'QUEUED' && change.status === 'QUEUED' && change.queuePosition !== position
    progress = change.progress ?? progress
    if (next !== status || isMoved || logs.length > 0) {
      const appended = await appendUpdate(deps, context, { ...change, progress, status: next })
      status = appended.status
      position = next === 'QUEUED' ? change.queuePosition : null
      changes++
    }
    recorded = change.recorded
  }

  async function recordPolled(answer: FalStatus): Promise<void> {
    const isComplete = answer.logs.length >= recorded.lines
    await append(toStatusChange(answer, recorded))
    if (isComplete) tail.reset(answer.logs)
    before = null
  }

  async function recordStreamed(answer: FalStatus): Promise<void> {
    const known = before === null ? tail.countKnown(answer.logs) : countRepeated(before, answer.logs)
    const logs = answer.logs.slice(known)
    if (answer.logs.length > 0) before = toLinesDigest(answer.logs)
    const change = toStatusChange({ ...answer, logs }, { lines: 0, bytes: recorded.bytes })
    await append({ ...change, recorded: { ...change.recorded, lines: recorded.lines + logs.length } })
    tail.append(logs)
  }

  return {
    /** The job's status, as far as this process knows it. */
    get status() {
      return status
    },
    /** How many of the recorded statuses had something new. */
    get changes() {
      return changes
    },
    /**
     * @param source - a polled status has all log lines so far; those of a stream are new, but for repetitions
     * @throws ClaimLostError
     */
    record: (answer: FalStatus, source: 'poll' | 'stream'): Promise<void> =>
      source === 'poll' ? recordPolled(answer) : recordStreamed(answer),
    /** Reads the row again, which somebody else has changed. @throws ClaimLostError */
    refresh: async (): Promise<void> => {
      const row = await deps.jobs.read(context.claim)
      if (!row) throw new ClaimLostError()
      status = row.status
    },
  }
}

/** How much of a request's log has been recorded. */
export type RecordedLog = NonNullable<Change['recorded']>

/** A status of fal, as the update log stores it. */
interface StatusChange extends Required<Omit<Change, 'jobId' | 'claim' | 'status'>> {
  /** Null when the status of the job stays. COMPLETED alone does not change it: only the result says how the job ends. */
  status: JobStatus | null
}

/** Translates a status whose log has all lines so far. Lines beyond `recorded` are new. */
export function toStatusChange(answer: FalStatus, recorded: RecordedLog): StatusChange {
  const { logs, recorded: recordedNow } = selectNewLines(answer.logs, recorded)
  // New lines show that the request ran, although no poll saw it before COMPLETED.
  const hasRun = answer.state === 'IN_PROGRESS' || logs.length > 0
  return {
    status: answer.state === 'IN_QUEUE' ? 'QUEUED' : hasRun ? 'RUNNING' : null,
    queuePosition: answer.state === 'IN_QUEUE' ? answer.position : null,
    progress: answer.state === 'IN_QUEUE' ? null : readProgress(answer.logs.map((line) => line.message)),
    logs,
    recorded: recordedNow,
  }
}

function selectNewLines(all: readonly FalLogLine[], recorded: RecordedLog): { logs: LogLine[]; recorded: RecordedLog } {
  const logs: LogLine[] = []
  let { bytes } = recorded
  for (const line of all.slice(recorded.lines)) {
    if (bytes > MAX_LOG_BYTES) break
    const message = toStorableText(line.message)
    bytes += Math.max(MIN_LINE_BYTES, Buffer.byteLength(message))
    if (bytes > MAX_LOG_BYTES)
      logs.push({
        at: null,
        level: 'WARN',
        message: `The log is longer than ${MAX_LOG_BYTES / 1024} KiB or ${MAX_LOG_BYTES / MIN_LINE_BYTES} lines: later lines are not kept.`,
      })
    else logs.push({ at: line.at?.toISOString() ?? null, level: line.level, message })
  }
  return { logs, recorded: { lines: Math.max(recorded.lines, all.length), bytes } }
}

/**
 * The progress in the newest line that states one, 0 to 1: `12/25` or `48%`. Null when none does. Nothing is estimated:
 * fal itself reports no progress.
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
