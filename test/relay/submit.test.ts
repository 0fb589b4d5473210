import { expect, test } from 'vitest'
import { FalError, type FalErrorKind } from '../../src/adapters/fal/errors.ts'
import { judgeSubmit } from '../../src/relay/submit.ts'

/** fal refused, another attempt is safe, or fal may have accepted the request. */
const VERDICTS: Record<FalErrorKind, string> = {
  rejected: 'refused',
  'not-found': 'refused',
  auth: 'retry',
  'rate-limited': 'retry',
  'not-sent': 'retry',
  unavailable: 'unknown',
  interrupted: 'unknown',
  unreadable: 'unknown',
}

test.each(Object.entries(VERDICTS))('a submit that ended with %s is %s', (kind, verdict) => {
  expect(judgeSubmit(new FalError(kind as FalErrorKind, 'no'))).toBe(verdict)
})
