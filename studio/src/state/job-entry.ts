import type {
  JobOutcomeFragment,
  JobStatus,
  JobSummaryFragment,
  UpdateDetailsFragment,
} from '../../../operations/generated/graphql.ts'

/** A loaded job, with the progress and the log lines of its updates. */
export interface JobEntry {
  job: JobSummaryFragment
  /** Sequence of the newest applied update; 0 before the first one. */
  sequence: number
  /** 0 to 1; null when unknown. */
  progress: number | null
  logs: readonly LogLine[]
  /** Whether `logs` starts with the job's first line and has no gap. */
  hasFullLog: boolean
}

export type LogLine = UpdateDetailsFragment['logs'][number]
export type Update = UpdateDetailsFragment & { job: JobOutcomeFragment }

const ENDED: ReadonlySet<JobStatus> = new Set(['SUCCEEDED', 'FAILED', 'CANCELED'])

export function isEnded(status: JobStatus): boolean {
  return ENDED.has(status)
}

/** Applies a job that was queried. A response older than the applied updates changes only the settings. */
export function mergeJob(entry: JobEntry | undefined, job: JobSummaryFragment): JobEntry {
  if (!entry) return { job, sequence: 0, progress: null, logs: [], hasFullLog: false }
  // A status never goes backwards: updates may overtake the response of a query.
  const isBehind = entry.sequence > 0 && !(isEnded(job.status) && !isEnded(entry.job.status))
  return { ...entry, job: isBehind ? { ...entry.job, settings: job.settings } : job }
}

/** Applies the first update of a watch from the start: it has the current state and all log lines so far. */
export function applySnapshot(entry: JobEntry, update: Update): JobEntry {
  return { ...applyState(entry, update), logs: update.logs, hasFullLog: true }
}

/** Applies the next update. An update that was already applied changes nothing. */
export function applyUpdate(entry: JobEntry, update: Update): JobEntry {
  if (update.sequence <= entry.sequence) return entry
  return {
    ...applyState(entry, update),
    logs: update.logs.length === 0 ? entry.logs : [...entry.logs, ...update.logs],
    hasFullLog: entry.hasFullLog && update.missed === 0,
  }
}

function applyState(entry: JobEntry, update: Update): JobEntry {
  const { status, at } = update
  const { job } = entry
  return {
    ...entry,
    sequence: update.sequence,
    // Some updates have no progress: keep the last value while the job is running.
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

/** The steps of the newest log line like "Step 12/25"; null when there is none. */
export function findSteps(logs: readonly LogLine[]): { step: number; of: number } | null {
  for (let index = logs.length - 1; index >= 0; index--) {
    const [, step, of] = /(\d+)\s*\/\s*(\d+)/.exec(logs[index]?.message ?? '') ?? []
    if (step && of && Number(of) > 0 && Number(step) <= Number(of)) return { step: Number(step), of: Number(of) }
  }
  return null
}
