import type { Update } from './update.ts'
import type { UpdateLog } from './update-log.ts'

interface UpdateFetcherDeps extends Pick<UpdateLog, 'readTails'> {
  /** Receives what was read, in each job's order. */
  accept(update: Update): void
  onError(error: unknown, context: { stage: string }): void
}

/** How long requests are collected into one query, in milliseconds. */
const COLLECT_MS = 3
/** How long after a failed query the next one runs, in milliseconds. */
const RETRY_MS = 1_000

/**
 * Reads updates that other processes stored: one query at a time, for all jobs that were requested in the meantime.
 * @param limit - updates read per job and query
 */
export function createUpdateFetcher({ readTails, accept, onError }: UpdateFetcherDeps, limit: number) {
  let requested = new Map<string, number>()
  let timer: NodeJS.Timeout | undefined
  let isReading = false

  async function fetch(): Promise<void> {
    timer = undefined
    if (isReading) return
    isReading = true
    const after = requested
    requested = new Map()
    let delayMs = COLLECT_MS
    try {
      for (const update of await readTails(after, limit)) accept(update)
    } catch (error) {
      onError(error, { stage: 'read updates' })
      // Bounded by what is watched. A job that nobody watches any more costs one row of the next query.
      for (const [jobId, sequence] of after) add(jobId, sequence)
      delayMs = RETRY_MS
    }
    isReading = false
    if (requested.size > 0) schedule(delayMs)
  }

  function schedule(delayMs: number): void {
    timer ??= setTimeout(() => void fetch(), delayMs)
  }

  function add(jobId: string, after: number): void {
    requested.set(jobId, Math.min(after, requested.get(jobId) ?? after))
  }

  return {
    /** Requests a job's updates after a sequence; `accept` receives them soon. */
    request: (jobId: string, after: number): void => {
      add(jobId, after)
      schedule(COLLECT_MS)
    },
    stop: (): void => {
      // A read that is under way finds this set, and schedules no other.
      isReading = true
      clearTimeout(timer)
    },
  }
}
