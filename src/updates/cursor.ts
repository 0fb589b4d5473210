import { InvalidArgumentError } from '../errors.ts'
import { decodeOpaque, encodeOpaque, UUID } from '../opaque-id.ts'

/** A sequence in its only spelling, without leading zeros. */
const SEQUENCE = /^(?:0|[1-9]\d{0,9})$/

/** The largest Postgres integer. */
const MAX_SEQUENCE = 2_147_483_647

/** The place in a job's history after the update with this sequence. Opaque to clients. */
export function toCursor(jobId: string, sequence: number): string {
  return encodeOpaque(jobId, sequence)
}

/**
 * The sequence that this job's cursor encodes.
 * @throws InvalidArgumentError naming `argument` when it is malformed or of another job.
 */
export function parseCursor(cursor: string, jobId: string, argument: string): number {
  const [id = '', sequence = ''] = decodeOpaque(cursor) ?? []
  if (!UUID.test(id) || !SEQUENCE.test(sequence) || Number(sequence) > MAX_SEQUENCE)
    throw new InvalidArgumentError(
      argument,
      `\`${argument}\` is not a cursor: expected the \`cursor\` of a job or of an update.`,
    )
  if (id !== jobId)
    throw new InvalidArgumentError(argument, `\`${argument}\` is a cursor of another job: expected one of this job.`)
  return Number(sequence)
}
