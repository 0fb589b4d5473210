/** fal's queue and storage as Reelay needs them: the port, and the types on both sides of its driver. */

/**
 * Talks to fal. Every method sends each of its requests at most once and never retries: whether to ask again is the
 * caller's decision, by {@link FalError.kind}. A method MUST reject with a {@link FalError}, or, when the caller's
 * `signal` aborted, with that signal's reason.
 */
export interface Fal {
  /** Asks for a job. After any failure but `auth`, `not-found`, `rejected`, `rate-limited` and `not-sent` it may exist. */
  submit(endpoint: string, input: FalInput, options?: FalCallOptions & { webhookUrl?: string }): Promise<FalSubmitted>
  /**
   * Where the request stands, with all log lines so far (fal repeats the earlier ones), or with none when `logs` is
   * false: the way out when they made the answer `unreadable` by its length.
   */
  status(endpoint: string, requestId: string, options?: FalCallOptions & { logs?: boolean }): Promise<FalStatus>
  /**
   * Where the request stands, as fal tells it by itself. Each status has the log lines since the one before; the first may
   * have some, or all, of the earlier ones. MUST end only after a status that is COMPLETED, and throw otherwise.
   */
  watch(endpoint: string, requestId: string, options?: FalCallOptions): AsyncIterable<FalStatus>
  /**
   * The model's own JSON, not looked into. fal keeps it for an hour, for 6 minutes from 10 kB on.
   * A model's failure is a FalError with `issues`, whatever its kind; without issues it is the platform's.
   */
  result(endpoint: string, requestId: string, options?: FalCallOptions): Promise<unknown>
  /** Reads the text of a result that was kept, as `result` reads it now. @throws FalError when it cannot be read. */
  readResult(text: string): unknown
  /** `REQUESTED` is no promise: a running request may finish nevertheless, and is billed then. */
  cancel(endpoint: string, requestId: string, options?: FalCallOptions): Promise<FalCancelOutcome>
  /**
   * Stores a file at fal and resolves to its public URL, which passes {@link Fal.isMediaUrl}.
   * @param file - a Blob or File of Node itself; a look-alike (GraphQL Yoga's) must be converted before.
   */
  upload(file: Blob, options?: FalCallOptions & { fileName?: string }): Promise<string>
  /**
   * May this URL be fetched as fal's media? Says yes to http and https without credentials, at one of the media hosts
   * or at the host of the queue or REST base, on any port. The names of the loopback count as one host.
   */
  isMediaUrl(url: string): boolean
}

/** A model's input: JSON scalars only. Files are uploaded first and given as URLs. */
export type FalInput = Record<string, string | number | boolean>

export interface FalCallOptions {
  signal?: AbortSignal
  /** The fal key for this call; the adapter's own otherwise. */
  key?: string
}

export interface FalSubmitted {
  requestId: string
  /** How many requests are ahead, from 0 to 2,147,483,647; null when fal did not say so. */
  position: number | null
}

export interface FalLogLine {
  message: string
  level: 'DEBUG' | 'INFO' | 'WARN' | 'ERROR'
  /** Null when fal gave no readable time. */
  at: Date | null
}

/**
 * Where a request stands. fal has no failed state: `COMPLETED` with an `error` or an `errorType` is one, and one
 * without either may still show as the failure of {@link Fal.result}. A status of `CANCELLED` counts as `COMPLETED`
 * with the `errorType` `client_cancelled`; others not known here count as `IN_PROGRESS`.
 */
export type FalStatus =
  | { state: 'IN_QUEUE'; position: number | null; logs: FalLogLine[] }
  | { state: 'IN_PROGRESS'; logs: FalLogLine[] }
  | { state: 'COMPLETED'; error: string | null; errorType: string | null; logs: FalLogLine[] }

export type FalCancelOutcome = 'REQUESTED' | 'ALREADY_COMPLETED' | 'NOT_FOUND'

/** One HTTP answer, read to its end or to the limit. */
export interface FalResponse {
  status: number
  text: string
  /** False when the text is only the beginning. */
  complete: boolean
  /** The header `x-fal-error-type`. */
  errorType: string | null
  retryAfterMs: number | null
  /** The key it was asked with, so that no error repeats it. */
  key: string | null
}

/** What the storage answers to an initiate, in the names that the client library takes apart. */
export interface FalUploadSlot {
  upload_url: string
  file_url: string
}
