import type { JobStatus } from '../generated/prisma/enums.ts'

export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** A line of text that came with an update. `at` is an ISO instant, null when its source gave none. */
export interface LogLine {
  at: string | null
  level: LogLevel
  message: string
}

/** The state that a job was in before an update, and for how long. */
export interface LeftState {
  status: JobStatus
  seconds: number
}

/** One line in the life of a job, as stored. Sequences are 1, 2, 3 … within a job, without gaps. */
export interface Update {
  jobId: string
  ownerId: string
  sequence: number
  at: Date
  status: JobStatus
  /** 0 = next. Null unless QUEUED and known. */
  queuePosition: number | null
  /** 0 to 1, null when the log does not tell; 1 once SUCCEEDED. */
  progress: number | null
  logs: LogLine[]
  /** True for the update that ends the job: none comes after it. */
  final: boolean
  /** How many updates between this one and the reader's last are gone. */
  missed: number
}
