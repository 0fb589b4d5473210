import type { Update } from './update.ts'

/** Reads updates that this process did not write: one query at a time, for all that is wanted by then. */
export interface TailReader {
  /** What came after a sequence of a job is handed on soon. */
  want(jobId: string, after: number): void
  stop(): void
}

export interface TailReaderDeps {
  /** What came after the given sequence of each job, in order, in one query; of each as many as `limit`. */
  readTails(after: ReadonlyMap<string, number>, limit: number): Promise<Update[]>
  /** Is given what was read, in the order of each job. */
  accept(update: Update): void
  onError(error: unknown, context: { stage: string }): void
}

/** What is wanted within this time is one read, in milliseconds. */
const COLLECT_MS = 3
/** Until a read that failed is taken again, in milliseconds. */
const AGAIN_MS = 1_000

/** @param limit - updates read of a job at a time */
export function createTailReader({ readTails, accept, onError }: TailReaderDeps, limit: number): TailReader {
  let wanted = new Map<string, number>()
  let timer: NodeJS.Timeout | undefined
  let isReading = false

  async function read(): Promise<void> {
    timer = undefined
    if (isReading) return
    isReading = true
    const after = wanted
    wanted = new Map()
    let delayMs = COLLECT_MS
    try {
      for (const update of await readTails(after, limit)) accept(update)
    } catch (error) {
      onError(error, { stage: 'read updates' })
      // Of what is watched there is only so much; what nobody watches by then costs one row of a query.
      for (const [jobId, sequence] of after) add(jobId, sequence)
      delayMs = AGAIN_MS
    }
    isReading = false
    if (wanted.size > 0) schedule(delayMs)
  }

  function schedule(delayMs: number): void {
    timer ??= setTimeout(() => void read(), delayMs)
  }

  function add(jobId: string, after: number): void {
    wanted.set(jobId, Math.min(after, wanted.get(jobId) ?? after))
  }

  return {
    want: (jobId, after) => {
      add(jobId, after)
      schedule(COLLECT_MS)
    },
    stop: () => {
      // Whatever is still asked for is for nobody.
      isReading = true
      clearTimeout(timer)
    },
  }
}
