/** How a request failed: what the result call answers, and what the status says. */
export interface Failure {
  httpStatus: number
  body: { detail: string | FieldError[]; error_type?: string }
  /** The status call's `error`. */
  error: string
  /** The status call's `error_type`. */
  errorType: string
}

/** One entry of `detail` in fal's validation answers. */
export interface FieldError {
  loc: (string | number)[]
  msg: string
  type: string
  url: string
  ctx?: Record<string, unknown>
  input?: unknown
}

/** One entry of `detail`; `url` points at fal's page on that type, as fal's own entries do. */
export function fieldError(
  loc: (string | number)[],
  type: string,
  msg: string,
  extra: Pick<FieldError, 'ctx' | 'input'> = {},
): FieldError {
  return { loc, msg, type, url: `https://docs.fal.ai/errors#${type}`, ...extra }
}

/** The input was refused: 422 with one entry for each fault. */
export function validationFailure(detail: FieldError[]): Failure {
  const first = detail[0]
  return {
    httpStatus: 422,
    body: { detail },
    error: first ? `${first.loc.join('.')}: ${first.msg}` : 'The input is not valid',
    errorType: first?.type ?? 'bad_request',
  }
}

/** The input was refused for one field. */
export function fieldFailure(
  field: string,
  type: string,
  msg: string,
  extra?: Pick<FieldError, 'ctx' | 'input'>,
): Failure {
  return validationFailure([fieldError(['body', field], type, msg, extra)])
}

/** The model itself failed. */
export function modelFailure(httpStatus: number, type: string, msg: string): Failure {
  return { httpStatus, body: { detail: [fieldError(['body'], type, msg)] }, error: msg, errorType: type }
}

/** The platform around the model failed. */
export function platformFailure(httpStatus: number, errorType: string, text: string): Failure {
  return { httpStatus, body: { detail: text, error_type: errorType }, error: text, errorType }
}

/** What a cancelled request ends with. */
export const CANCELLED: Failure = platformFailure(499, 'client_cancelled', 'The request was cancelled by the client')
