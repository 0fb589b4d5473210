import { expect, test } from 'vitest'
import { FalError, type FalErrorKind } from '../../src/adapters/fal.ts'
import { judgeSubmit } from '../../src/relay/submit.ts'

/** What a failed call means: of the submit, which may have been taken, and of the upload, which can be repeated. */
const VERDICTS: Record<FalErrorKind, [submit: string, upload: string]> = {
  rejected: ['refused', 'refused'],
  'not-found': ['refused', 'refused'],
  auth: ['again', 'again'],
  'rate-limited': ['again', 'again'],
  'not-sent': ['again', 'again'],
  unavailable: ['unknown', 'again'],
  interrupted: ['unknown', 'again'],
  unreadable: ['unknown', 'again'],
}

test.each(Object.entries(VERDICTS))(
  'after an error of the kind %s a submit is %j (of submit, of upload)',
  (kind, [submit, upload]) => {
    const error = new FalError(kind as FalErrorKind, 'no')
    expect(judgeSubmit(error, { uploading: false })).toBe(submit)
    expect(judgeSubmit(error, { uploading: true })).toBe(upload)
  },
)

test('only what certainly did not start is asked for again', () => {
  const again = Object.keys(VERDICTS).filter(
    (kind) => judgeSubmit(new FalError(kind as FalErrorKind, 'no'), { uploading: false }) === 'again',
  )
  expect(again.sort()).toEqual(['auth', 'not-sent', 'rate-limited'])
})
