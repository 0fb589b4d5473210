import { expect, test } from 'vitest'
import { findViolations, type History, type StoredJob } from './history.ts'

const received = (...sequences: number[]) =>
  sequences.map((sequence, n) => ({
    sequence,
    status: n === sequences.length - 1 ? 'SUCCEEDED' : 'RUNNING',
    missed: 0,
    at: 0,
  }))

const JOB: StoredJob = {
  imageUrl: 'a.png',
  status: 'SUCCEEDED',
  lastSequence: 3,
  hasVideo: true,
  updates: [
    { sequence: 1, status: 'PENDING' },
    { sequence: 2, status: 'QUEUED' },
    { sequence: 3, status: 'SUCCEEDED' },
  ],
}

const GOOD: History = {
  acknowledged: [{ id: '1', imageUrl: 'a.png' }],
  posts: new Map([['a.png', 1]]),
  stored: [JOB],
  transcripts: [{ jobId: '1', updates: received(1, 2, 3), reconnects: 0, closes: [] }],
}

test('a good history has no violation', () => {
  expect(findViolations(GOOD)).toEqual([])
})

test.each<[string, Partial<History>]>([
  ['submitted 2 times', { posts: new Map([['a.png', 2]]) }],
  ['stored 0 times', { stored: [] }],
  ['stored 2 times', { stored: [JOB, JOB] }],
  ['did not end', { stored: [{ ...JOB, status: 'RUNNING', hasVideo: false }] }],
  ['video: false', { stored: [{ ...JOB, hasVideo: false }] }],
  ['has gaps: 1 3', { stored: [{ ...JOB, updates: JOB.updates.filter(({ sequence }) => sequence !== 2) }] }],
  ['has gaps: 1 2 3 of 4', { stored: [{ ...JOB, lastSequence: 4 }] }],
  [
    'went from SUCCEEDED to QUEUED',
    { stored: [{ ...JOB, updates: JOB.updates.map(({ status }, n) => ({ sequence: 3 - n, status })).toReversed() }] },
  ],
  ['does not end with FAILED', { stored: [{ ...JOB, status: 'FAILED', hasVideo: false }] }],
  ['missed 2 to 2', { transcripts: [{ jobId: '1', updates: received(1, 3), reconnects: 0, closes: [] }] }],
  ['received 2 again', { transcripts: [{ jobId: '1', updates: received(1, 2, 2, 3), reconnects: 0, closes: [] }] }],
  ['received 1 again', { transcripts: [{ jobId: '1', updates: received(2, 1, 3), reconnects: 0, closes: [] }] }],
  ['saw no end', { transcripts: [{ jobId: '1', updates: received(1, 2, 3).slice(0, 2), reconnects: 0, closes: [] }] }],
  ['saw no end', { transcripts: [{ jobId: '1', updates: [], reconnects: 0, closes: [] }] }],
])('"%s" is found', (violation, change) => {
  expect(findViolations({ ...GOOD, ...change }).join('\n')).toContain(violation)
})
