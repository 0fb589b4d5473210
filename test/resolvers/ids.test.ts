import { describe, expect, test } from 'vitest'
import { InvalidArgumentError, JobNotFoundError } from '../../src/errors.ts'
import { decodeNodeId, encodeNodeId, parseJobId } from '../../src/resolvers/ids.ts'
import { requireJobId } from '../../src/resolvers/jobs.ts'

const UUID = '01890a5d-ac96-774b-bcce-b302099a8057'

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}

describe('an id', () => {
  test.each(['Job', 'Video'])('of a %s is decoded to its parts', (typename) => {
    const text = encodeNodeId(typename, UUID)
    expect(text).toMatch(/^[\w-]+$/)
    expect(decodeNodeId(text)).toEqual({ typename, id: UUID })
  })

  test.each([
    ['empty', ''],
    ['the bare row’s id', UUID],
    ['of an unknown type', encode(`User:${UUID}`)],
    ['without a type', encode(UUID)],
    ['without an id', encode('Job:')],
    ['of a number', encode('Job:1')],
    ['in capitals', encode(`Job:${UUID.toUpperCase()}`)],
    ['with a suffix', encode(`Job:${UUID}:1`)],
    ['with a trailing line break', encode(`Job:${UUID}\n`)],
    ['of ordinary base64, padded', Buffer.from(`Video:${UUID}`).toString('base64').padEnd(60, '=')],
    ['with white space', ` ${encodeNodeId('Job', UUID)}`],
    ['with a NUL', encode(`Job:${UUID}\0`)],
    ['with SQL', encode("Job:' OR 1=1 --")],
    ['of a property of every object', encode(`constructor:${UUID}`)],
  ])('that is not an id of this API is rejected: %s', (_name, text) => {
    expect(() => decodeNodeId(text)).toThrow(InvalidArgumentError)
    expect(parseJobId(text)).toBeNull()
    expect(() => requireJobId(text)).toThrow(JobNotFoundError)
  })
})

test('only a job’s id is parsed to the row’s id', () => {
  expect(parseJobId(encodeNodeId('Job', UUID))).toBe(UUID)
  expect(requireJobId(encodeNodeId('Job', UUID))).toBe(UUID)
  expect(parseJobId(encodeNodeId('Video', UUID))).toBeNull()
})
