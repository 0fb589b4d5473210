import { describe, expect, test } from 'vitest'
import { JobStatus } from '../../src/generated/prisma/enums.ts'
import { canMove, isCancelable, isTerminal, TRANSITIONS } from '../../src/updates/job-status.ts'

const STATES = Object.values(JobStatus)

/** Where a job may go, written out a second time: a change of the table is a change of the promise. */
const ALLOWED: Record<JobStatus, string> = {
  PENDING: 'QUEUED RUNNING STORING CANCELING SUCCEEDED FAILED CANCELED',
  QUEUED: 'RUNNING STORING CANCELING SUCCEEDED FAILED CANCELED',
  RUNNING: 'STORING CANCELING SUCCEEDED FAILED CANCELED',
  STORING: 'SUCCEEDED FAILED',
  CANCELING: 'SUCCEEDED FAILED CANCELED',
  SUCCEEDED: '',
  FAILED: '',
  CANCELED: '',
}

describe.each(STATES)('a job that is %s', (from) => {
  test.each(STATES)(`may go to %s only if the table says so`, (to) => {
    expect(canMove(from, to)).toBe(ALLOWED[from].split(' ').includes(to))
  })

  test('never returns to a state it has left', () => {
    const reachable = new Set<JobStatus>()
    const open: JobStatus[] = [from]
    for (let state = open.pop(); state; state = open.pop())
      for (const next of TRANSITIONS[state]) if (!reachable.has(next)) open.push(next) && reachable.add(next)
    expect(reachable).not.toContain(from)
  })

  test('can reach an end', () => {
    expect(isTerminal(from) || TRANSITIONS[from].some(isTerminal)).toBe(true)
  })
})

test('a job has ended when it SUCCEEDED, FAILED or was CANCELED', () => {
  expect(STATES.filter(isTerminal).sort()).toEqual(['CANCELED', 'FAILED', 'SUCCEEDED'])
})

test('a job can be canceled until its video is stored', () => {
  expect(STATES.filter(isCancelable).sort()).toEqual(['PENDING', 'QUEUED', 'RUNNING'])
})
