/** The port to fal's queue and storage, and the types that both sides of it share. */

/**
 * Calls fal. Every method sends each of its requests at most once and never retries: the caller decides whether to retry
 * by {@link FalError.kind}. A method MUST reject with a {@link FalError}, or with the reason of the caller's
 * `signal` when that has aborted.
 */
export interface Fal {
  /** Creates a request. After `unavailable`, `interrupted` and `unreadable` it may exist all the same. */
  submit(endpoint: string, input: FalInput, options?: FalCallOptions & { webhookUrl?: string }): Promise<FalSubmitted>
  /**
   * Polls the request's status, with all log lines so far (fal repeats the earlier ones). `logs: false` omits them, for
   * a request whose log made the response too long to read (`unreadable`).
   */
  status(endpoint: string, requestId: string, options?: FalCallOptions & { logs?: boolean }): Promise<FalStatus>
  /**
   * Streams the request's statuses. Each status has the log lines since the previous one; the first may repeat some or
   * all earlier lines. MUST end only after a COMPLETED status, and throw otherwise.
   */
  watch(endpoint: string, requestId: string, options?: FalCallOptions): AsyncIterable<FalStatus>
  /**
   * The model's JSON, not validated. fal keeps it for 1 hour, or for 6 minutes from 10 kB on.
   * A FalError with `issues` is the model's failure, whatever its kind; without issues the platform failed.
   */
  result(endpoint: string, requestId: string, options?: FalCallOptions): Promise<unknown>
  /** Parses a stored result exactly as `result` does. @throws FalError when the text is unreadable. */
  readResult(text: string): unknown
  /** `REQUESTED` is not a guarantee: a running request may still finish, and is then billed. */
  cancel(endpoint: string, requestId: string, options?: FalCallOptions): Promise<FalCancelOutcome>
  /**
   * Stores a file at fal and resolves to its public URL, which passes {@link Fal.isMediaUrl}.
   * @param file - Node's own Blob or File; convert any other implementation, such as GraphQL Yoga's, first.
   */
  upload(file: Blob, options?: FalCallOptions & { fileName?: string }): Promise<string>
  /**
   * True for http and https URLs without credentials, on any port, at one of the media hosts or at the host of the
   * queue or REST base URL. All loopback names count as one host.
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
  /** How many requests are ahead, from 0 to 2,147,483,647; null when fal did not report it. */
  position: number | null
}

export interface FalLogLine {
  message: string
  level: 'DEBUG' | 'INFO' | 'WARN' | 'ERROR'
  /** Null when fal sent no readable timestamp. */
  at: Date | null
}

/**
 * The status of a request. fal has no failed state: `COMPLETED` with an `error` or an `errorType` is a failure, and
 * without either {@link Fal.result} may still fail. `CANCELLED` is read as `COMPLETED` with the `errorType`
 * `client_cancelled`; unknown statuses are read as `IN_PROGRESS`.
 */
export type FalStatus =
  | { state: 'IN_QUEUE'; position: number | null; logs: FalLogLine[] }
  | { state: 'IN_PROGRESS'; logs: FalLogLine[] }
  | { state: 'COMPLETED'; error: string | null; errorType: string | null; logs: FalLogLine[] }

export type FalCancelOutcome = 'REQUESTED' | 'ALREADY_COMPLETED' | 'NOT_FOUND'

/** An HTTP response of fal, its body read up to a limit. */
export interface FalResponse {
  status: number
  text: string
  /** False when `text` is only the beginning of the body. */
  complete: boolean
  /** The header `x-fal-error-type`. */
  errorType: string | null
  retryAfterMs: number | null
  /** The key that the request was sent with: errors redact it. */
  key: string | null
}

/** The storage's response to an initiate request, in the field names that the client library reads. */
export interface FalUploadSlot {
  upload_url: string
  file_url: string
}
