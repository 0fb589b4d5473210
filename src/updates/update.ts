import type { JobStatus } from '../generated/prisma/enums.ts'

export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** A line of text that fal's model wrote. `at` is an ISO 8601 instant; null when its source gave none. */
export interface LogLine {
  at: string | null
  level: LogLevel
  message: string
}

/** The status of a job before an update, and for how long it had it. */
export interface PreviousStatus {
  status: JobStatus
  seconds: number
}

/** A numbered row of a job's history. Sequences are 1, 2, 3 … within a job, without gaps. */
export interface Update {
  jobId: string
  ownerId: string
  sequence: number
  at: Date
  status: JobStatus
  /** 0 = next. Null unless QUEUED and known. */
  queuePosition: number | null
  /** 0 to 1; null when unknown; 1 once SUCCEEDED. */
  progress: number | null
  logs: LogLine[]
  /** True for the terminal update: none follows it. */
  final: boolean
  /** How many updates between this one and the subscriber's last were pruned. */
  missed: number
}
