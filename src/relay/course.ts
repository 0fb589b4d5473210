import type { FalStatus } from '../adapters/fal/types.ts'
import type { Job } from '../generated/prisma/client.ts'
import type { JobStatus } from '../generated/prisma/enums.ts'
import { canMove } from '../updates/job-status.ts'
import { type ClaimContext, ClaimLostError, type RelayDeps } from './claim-context.ts'
import { countRepeated, createLogTail, type Told, toTold } from './log-tail.ts'
import { type Reading, toReading } from './reading.ts'

/** What is known of a request that is being followed; what is new about it goes into the log. */
export interface Course {
  readonly status: JobStatus
  /** Takes a status that was asked for: its log is all there is so far. True when it was news. */
  take(answer: FalStatus): Promise<boolean>
  /** A stream begins: its first lines may be known. */
  beginStream(): void
  /** Takes a status of the stream: its log is what is new. */
  takeStreamed(answer: FalStatus): Promise<boolean>
  /** Reads the row again: somebody else has changed it. @throws ClaimLostError */
  refresh(): Promise<void>
}

export function createCourse({ jobs, log }: RelayDeps, { claim }: ClaimContext, job: Job): Course {
  const tail = createLogTail()
  let { status } = job
  let position = job.queuePosition
  let progress: number | null = null
  let taken = { lines: job.falLogLines, bytes: job.falLogBytes }
  let isBeginning = false
  /** What the stream told last: fal tells what is new; others may tell all so far, each time. */
  let told: Told | null = null

  async function store(reading: Reading): Promise<boolean> {
    const { logs } = reading
    // What fal takes back is not said to the database: it would change nothing there.
    const next = reading.status !== null && canMove(status, reading.status) ? reading.status : status
    const isMoved = next === 'QUEUED' && reading.status === 'QUEUED' && reading.queuePosition !== position
    const isNews = next !== status || isMoved || logs.length > 0
    progress = reading.progress ?? progress
    if (isNews) {
      const appended = await log.append({ jobId: job.id, claim: claim.number, ...reading, progress, status: next })
      if (appended.outcome === 'fenced') throw new ClaimLostError()
      status = appended.status
      position = next === 'QUEUED' ? reading.queuePosition : null
    }
    taken = reading.taken
    return isNews
  }

  return {
    get status() {
      return status
    },
    take: async (answer) => {
      const isWhole = answer.logs.length >= taken.lines
      const isNews = await store(toReading(answer, taken))
      if (isWhole) tail.reset(answer.logs)
      return isNews
    },
    beginStream: () => {
      isBeginning = true
      told = null
    },
    takeStreamed: async (answer) => {
      const known = isBeginning ? tail.countKnown(answer.logs) : countRepeated(told, answer.logs)
      const logs = answer.logs.slice(known)
      if (answer.logs.length > 0) {
        isBeginning = false
        told = toTold(answer.logs)
      }
      const reading = toReading({ ...answer, logs }, { lines: 0, bytes: taken.bytes })
      const isNews = await store({ ...reading, taken: { ...reading.taken, lines: taken.lines + logs.length } })
      tail.append(logs)
      return isNews
    },
    refresh: async () => {
      const row = await jobs.read(claim)
      if (!row) throw new ClaimLostError()
      status = row.status
    },
  }
}
