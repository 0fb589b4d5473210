/** What no answer of the server may be, whatever it was sent. Each check answers what is wrong, or nothing. */
import type { Exchange, RawAnswer } from './raw-http.ts'

/** A refusal is short, in bytes. */
const MAX_ERROR_BYTES = 64 * 1024
/** No answer to a generated request has reason to be longer, in bytes. */
const MAX_ANSWER_BYTES = 1024 * 1024
const MAX_ERRORS = 10
const MAX_MESSAGE_CHARACTERS = 500
const MAX_LOG_LINE_BYTES = 2048

/** Frames of a stack, files of this program, and words that teach a schema. */
const LEAKS = /\n\s+at \S+|node_modules|file:\/\/\/|\.ts:\d+|Did you mean|SELECT .* FROM|Prisma/

/** What Node itself says when its inspector is on; the tests ask the heap over that. */
const INSPECTOR = /^(Debugger |For help, see: https:\/\/nodejs\.org)/

export type Violation = string

export interface Expectation {
  isWhole: boolean
  isForeign: boolean
  secrets: readonly string[]
}

export function judgeExchange(
  { outcome, answer }: Exchange,
  { isWhole, isForeign, secrets }: Expectation,
): Violation[] {
  if (!answer) return isWhole ? [`${outcome} without an answer`] : []
  const { status, headers, body } = answer
  const found = [...judgeText(body, secrets), ...judgeErrors(body)]
  if (status >= 500 && !(status === 503 && Number(headers['retry-after']) > 0)) found.push(`status ${status}`)
  if (status < 200 || status > 599) found.push(`status ${status}`)
  if (status >= 400 && body.length > MAX_ERROR_BYTES) found.push(`a refusal of ${body.length} characters`)
  if (body.length > MAX_ANSWER_BYTES) found.push(`an answer of ${body.length} characters`)
  if (/evil|null/.test(headers['access-control-allow-origin'] ?? '')) found.push('CORS for a stranger')
  if (isForeign && servesGraphQL(answer)) found.push(`status ${status} for a stranger`)
  return found
}

function servesGraphQL({ status, body }: RawAnswer): boolean {
  return status < 300 && body.includes('"data"')
}

/** Errors of GraphQL, wherever they stand: in a JSON answer, an event of a stream, or a message of a socket. */
export function judgeErrors(text: string): Violation[] {
  const found: Violation[] = []
  for (const json of toJsonTexts(text)) {
    const { errors } = json
    if (!Array.isArray(errors)) continue
    if (errors.length > MAX_ERRORS) found.push(`${errors.length} errors`)
    for (const error of errors as { message?: unknown; extensions?: { code?: unknown } }[]) {
      if (typeof error.message !== 'string') found.push('an error without a message')
      else if (error.message.length > MAX_MESSAGE_CHARACTERS)
        found.push(`an error of ${error.message.length} characters`)
      if (error.extensions?.code === 'INTERNAL_SERVER_ERROR') found.push('an unexpected error')
    }
    if (JSON.stringify(errors).length > MAX_ERROR_BYTES) found.push('errors of more than 64 kB')
  }
  return found
}

function toJsonTexts(text: string): Record<string, unknown>[] {
  const candidates = text.startsWith('{')
    ? [text]
    : [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => data ?? '')
  return candidates.flatMap((candidate) => {
    try {
      return [JSON.parse(candidate) as Record<string, unknown>]
    } catch {
      return [] // A page, or a stream that was cut in the middle.
    }
  })
}

export function judgeText(text: string, secrets: readonly string[]): Violation[] {
  const leak = LEAKS.exec(text)?.[0]
  const found = leak === undefined ? [] : [`the answer has ${JSON.stringify(leak)}`]
  if (secrets.some((secret) => text.includes(secret))) found.push('the answer has a secret')
  return found
}

/** JSON lines and nothing else, none long, none with a secret, and no more of them than `maxLines`. */
export function judgeLog(
  output: string,
  { secrets, maxLines }: { secrets: readonly string[]; maxLines: number },
): Violation[] {
  const lines = output.split('\n').filter((line) => line !== '' && !INSPECTOR.test(line))
  const found: Violation[] = []
  const foreign = lines.filter((line) => !isJsonObject(line))
  if (foreign.length > 0) found.push(`${foreign.length} lines are no log lines, such as ${foreign[0]?.slice(0, 300)}`)
  const long = lines.filter((line) => Buffer.byteLength(line) > MAX_LOG_LINE_BYTES)
  if (long.length > 0) found.push(`${long.length} log lines are too long, such as ${long[0]?.slice(0, 300)}`)
  if (secrets.some((secret) => output.includes(secret))) found.push('the log has a secret')
  if (lines.length > maxLines)
    found.push(`${lines.length} log lines, more than ${maxLines}; the last is ${lines.at(-1)?.slice(0, 300)}`)
  return found
}

function isJsonObject(line: string): boolean {
  try {
    return typeof JSON.parse(line) === 'object'
  } catch {
    return false
  }
}
