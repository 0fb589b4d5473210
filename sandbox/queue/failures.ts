/** How a request failed: the response of the result call, and the error of the status call. */
export interface Failure {
  httpStatus: number
  body: { detail: string | FieldError[]; error_type?: string }
  /** The status call's `error`. */
  error: string
  /** The status call's `error_type`. */
  errorType: string
}

/** One entry of `detail` in fal's validation errors. */
export interface FieldError {
  loc: (string | number)[]
  msg: string
  type: string
  url: string
  ctx?: Record<string, unknown>
  input?: unknown
}

type Extra = Pick<FieldError, 'ctx' | 'input'>

/** Builds one entry of `detail`; `url` links to fal's page on the type, as in fal's own errors. */
export function fieldError(loc: (string | number)[], type: string, msg: string, extra: Extra = {}): FieldError {
  return { loc, msg, type, url: `https://docs.fal.ai/errors#${type}`, ...extra }
}

/** Rejected input: 422 with one entry per error. */
export function validationFailure(detail: FieldError[]): Failure {
  const first = detail[0]
  return {
    httpStatus: 422,
    body: { detail },
    error: first ? `${first.loc.join('.')}: ${first.msg}` : 'Invalid input',
    errorType: first?.type ?? 'bad_request',
  }
}

export function fieldFailure(field: string, type: string, msg: string, extra?: Extra): Failure {
  return validationFailure([fieldError(['body', field], type, msg, extra)])
}

/** A failure of the model itself. */
export function modelFailure(httpStatus: number, type: string, msg: string): Failure {
  return { httpStatus, body: { detail: [fieldError(['body'], type, msg)] }, error: msg, errorType: type }
}

/** A failure of the platform around the model. */
export function platformFailure(httpStatus: number, errorType: string, text: string): Failure {
  return { httpStatus, body: { detail: text, error_type: errorType }, error: text, errorType }
}

export const CANCELLED: Failure = platformFailure(499, 'client_cancelled', 'The request was cancelled by the client')
