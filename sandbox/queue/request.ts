import type { Failure } from './failures.ts'

/** One log line of a request. The timestamp is UTC without a zone, as in fal's own samples. */
export interface LogEntry {
  message: string
  level: 'INFO' | 'WARN' | 'ERROR'
  source: 'USER'
  timestamp: string
}

export type Outcome =
  | { kind: 'video'; mediaId: string; sizeBytes: number; seed: number }
  | { kind: 'failure'; failure: Failure }

/** `inferenceSeconds` is null for a cancelled request. */
export type Ending = Outcome & { inferenceSeconds: number | null }

/** One accepted request, as stored on disk. */
export interface VideoRequest {
  id: string
  /** Order of acceptance, across restarts. */
  sequence: number
  body: unknown
  /** The scenario's name, or null for an ordinary run. */
  scenario: string | null
  /** Unix milliseconds, as are `dueAt` and `endedAt`. */
  acceptedAt: number
  /** When it may start. */
  dueAt: number
  stage: 'queued' | 'running' | 'ended'
  cancelRequested: boolean
  /** The lowest queue position reported so far: a position never goes up. */
  position: number
  logs: LogEntry[]
  ending: Ending | null
  endedAt: number | null
  /** How many more times the result call returns 504. */
  resultTimeouts: number
  /** `settled`: the delivery was accepted or given up. */
  webhook: { url: string; attempts: number; settled: boolean } | null
}

function requestUrls(baseUrl: string, id: string) {
  const response_url = `${baseUrl}/fal-ai/stable-video/requests/${id}`
  return { response_url, status_url: `${response_url}/status`, cancel_url: `${response_url}/cancel` }
}

/** The status call's body. `logs` is null unless the caller asked for log lines. */
export function statusBody(request: VideoRequest, { baseUrl, logs }: { baseUrl: string; logs: LogEntry[] | null }) {
  const common = { request_id: request.id, ...requestUrls(baseUrl, request.id) }
  if (request.stage === 'queued') return { status: 'IN_QUEUE', queue_position: request.position, ...common, logs }
  if (request.stage === 'running' || !request.ending) return { status: 'IN_PROGRESS', ...common, logs, metrics: {} }
  const { ending } = request
  return {
    status: 'COMPLETED',
    ...common,
    logs,
    metrics: { inference_time: ending.inferenceSeconds },
    ...(ending.kind === 'failure' ? { error: ending.failure.error, error_type: ending.failure.errorType } : {}),
  }
}

/** The result call's response for an ended request; its webhook carries the same. */
export function outcomeOf(id: string, ending: Ending, baseUrl: string): { httpStatus: number; body: unknown } {
  if (ending.kind === 'failure') return { httpStatus: ending.failure.httpStatus, body: ending.failure.body }
  const fileName = `${id}.mp4`
  return {
    httpStatus: 200,
    body: {
      video: {
        url: `${baseUrl}/files/${ending.mediaId}/${fileName}`,
        content_type: 'video/mp4',
        file_name: fileName,
        file_size: ending.sizeBytes,
      },
      seed: ending.seed,
    },
  }
}

export function logEntry(message: string, level: LogEntry['level'] = 'INFO'): LogEntry {
  return { message, level, source: 'USER', timestamp: new Date().toISOString().replace('Z', '000') }
}
