import { InvalidArgumentError } from '../errors.ts'

const SHAPE = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(\d{1,10})$/

/** The largest Postgres integer. */
const MAX_SEQUENCE = 2_147_483_647

/** The longest cursor that is decoded, in characters. Valid ones have at most 63. */
const MAX_CURSOR_LENGTH = 100

/** The place in a job's history after the update with this sequence. Opaque to clients. */
export function toCursor(jobId: string, sequence: number): string {
  return Buffer.from(`${jobId}:${sequence}`).toString('base64url')
}

/**
 * The sequence that this job's cursor encodes.
 * @throws InvalidArgumentError naming `argument` when it is malformed or of another job.
 */
export function parseCursor(cursor: string, jobId: string, argument: string): number {
  const text = cursor.length > MAX_CURSOR_LENGTH ? '' : Buffer.from(cursor, 'base64url').toString('latin1')
  const [, id, sequence] = SHAPE.exec(text) ?? []
  // Encoding again refuses the many spellings that a lenient base64 decoder lets through.
  if (id === undefined || Number(sequence) > MAX_SEQUENCE || toCursor(id, Number(sequence)) !== cursor)
    throw new InvalidArgumentError(
      argument,
      `\`${argument}\` is not a cursor: expected the \`cursor\` of a job or of an update.`,
    )
  if (id !== jobId)
    throw new InvalidArgumentError(argument, `\`${argument}\` is a cursor of another job: expected one of this job.`)
  return Number(sequence)
}
