import type { JobOutcomeFragment, JobStatus, JobSummaryFragment, UpdateDetailsFragment } from '../generated/graphql.ts'

/** What the page knows of a job: the job itself, and what its log told. */
export interface JobEntry {
  job: JobSummaryFragment
  /** Of the newest update that is in here; 0 as long as only the job was read. */
  sequence: number
  /** 0 to 1; null where the log does not tell. */
  progress: number | null
  logs: readonly LogLineText[]
  /** Log lines are there from the first on. */
  hasWholeLog: boolean
}

export type LogLineText = UpdateDetailsFragment['logs'][number]
export type Update = UpdateDetailsFragment & { job: JobOutcomeFragment }

const ENDS: ReadonlySet<JobStatus> = new Set(['SUCCEEDED', 'FAILED', 'CANCELED'])

export function isEnded(status: JobStatus): boolean {
  return ENDS.has(status)
}

/** What is known once a job was read. A job that is behind what its log told already changes nothing but its settings. */
export function mergeJob(entry: JobEntry | undefined, job: JobSummaryFragment): JobEntry {
  if (!entry) return { job, sequence: 0, progress: null, logs: [], hasWholeLog: false }
  // A state never goes back: an answer that was under way while updates came is older than they are.
  const isBehind = entry.sequence > 0 && !(isEnded(job.status) && !isEnded(entry.job.status))
  return { ...entry, job: isBehind ? { ...entry.job, settings: job.settings } : job }
}

/** What is known after the first update of a watch from the start: it tells the state now, and all log lines so far. */
export function applySnapshot(entry: JobEntry, update: Update): JobEntry {
  return { ...applyState(entry, update), logs: update.logs, hasWholeLog: true }
}

/** What is known after the next update. One that is in here already changes nothing. */
export function applyUpdate(entry: JobEntry, update: Update): JobEntry {
  if (update.sequence <= entry.sequence) return entry
  return {
    ...applyState(entry, update),
    logs: update.logs.length === 0 ? entry.logs : [...entry.logs, ...update.logs],
    hasWholeLog: entry.hasWholeLog && update.missed === 0,
  }
}

function applyState(entry: JobEntry, update: Update): JobEntry {
  const { status, at } = update
  const { job } = entry
  return {
    ...entry,
    sequence: update.sequence,
    // The log tells steps in some updates only: what it said last stays, as long as the job runs.
    progress: status === 'RUNNING' ? (update.progress ?? entry.progress) : null,
    job: {
      ...job,
      ...update.job,
      status,
      cursor: update.cursor,
      queuePosition: update.queuePosition,
      startedAt: job.startedAt ?? (status === 'RUNNING' ? at : null),
      finishedAt: job.finishedAt ?? (isEnded(status) ? at : null),
    },
  }
}

/** "Step 12/25" of the newest line that says so. */
export function readSteps(logs: readonly LogLineText[]): { step: number; of: number } | null {
  for (let index = logs.length - 1; index >= 0; index--) {
    const [, step, of] = /(\d+)\s*\/\s*(\d+)/.exec(logs[index]?.message ?? '') ?? []
    if (step && of && Number(of) > 0 && Number(step) <= Number(of)) return { step: Number(step), of: Number(of) }
  }
  return null
}
