import { describe, expect, test } from 'vitest'
import {
  applySnapshot,
  applyUpdate,
  findSteps,
  type JobEntry,
  mergeJob,
  type Update,
} from '../../studio/src/state/job-entry.ts'

type Job = JobEntry['job']

const job = (values: Partial<Job> = {}): Job => ({
  id: 'a',
  status: 'PENDING',
  createdAt: '2026-11-24T12:00:00Z',
  startedAt: null,
  finishedAt: null,
  queuePosition: null,
  cursor: 'c1',
  video: null,
  failure: null,
  settings: { model: 'm', imageUrl: 'http://x/a.png', seed: null, motionBucketId: 127, condAug: 0.02, fps: 25 },
  ...values,
})

const update = (sequence: number, values: Partial<Update> = {}): Update => {
  const status = values.status ?? 'RUNNING'
  return {
    sequence,
    cursor: `c${sequence}`,
    at: `2026-11-24T12:00:0${sequence}Z`,
    status,
    queuePosition: null,
    progress: null,
    missed: 0,
    logs: [],
    job: { id: 'a', status, video: null, failure: null },
    ...values,
  }
}
const line = (message: string) => ({ at: null, level: 'INFO' as const, message })

describe('an update', () => {
  test('that was already applied changes nothing', () => {
    const entry = applyUpdate(mergeJob(undefined, job()), update(3, { logs: [line('one')] }))
    expect(applyUpdate(entry, update(3, { logs: [line('one')] }))).toBe(entry)
    expect(applyUpdate(entry, update(2, { status: 'QUEUED' }))).toBe(entry)
  })

  test('appends its log lines', () => {
    const first = applySnapshot(mergeJob(undefined, job()), update(2, { logs: [line('one')] }))
    const second = applyUpdate(first, update(3, { logs: [line('two')] }))
    expect(second.logs.map(({ message }) => message)).toEqual(['one', 'two'])
    expect(second.hasFullLog).toBe(true)
    expect(applyUpdate(second, update(9, { missed: 4 })).hasFullLog).toBe(false)
  })

  test('that starts a new watch replaces all log lines', () => {
    const entry = applyUpdate(mergeJob(undefined, job()), update(3, { logs: [line('two')] }))
    const whole = applySnapshot(entry, update(3, { logs: [line('one'), line('two')] }))
    expect(whole.logs.map(({ message }) => message)).toEqual(['one', 'two'])
  })

  test('without progress keeps the last value while the job is running', () => {
    const running = applyUpdate(mergeJob(undefined, job()), update(2, { progress: 0.4 }))
    expect(applyUpdate(running, update(3)).progress).toBe(0.4)
    expect(applyUpdate(running, update(3, { status: 'STORING' })).progress).toBeNull()
  })

  test('sets the times when the job started and finished', () => {
    const running = applyUpdate(mergeJob(undefined, job()), update(2))
    const ended = applyUpdate(applyUpdate(running, update(3)), update(4, { status: 'FAILED' }))
    expect(ended.job).toMatchObject({
      status: 'FAILED',
      startedAt: '2026-11-24T12:00:02Z',
      finishedAt: '2026-11-24T12:00:04Z',
    })
  })
})

describe('a queried job', () => {
  test('does not revert to a status older than its updates', () => {
    const entry = applyUpdate(mergeJob(undefined, job()), update(5))
    expect(mergeJob(entry, job({ status: 'QUEUED' })).job.status).toBe('RUNNING')
  })

  test('still updates the URL of its image', () => {
    const entry = applyUpdate(mergeJob(undefined, job()), update(5))
    const settings = { ...job().settings, imageUrl: 'http://y/b.png' }
    expect(mergeJob(entry, job({ settings })).job.settings.imageUrl).toBe('http://y/b.png')
  })

  test('that has ended ends the entry', () => {
    const entry = applyUpdate(mergeJob(undefined, job()), update(5))
    expect(mergeJob(entry, job({ status: 'SUCCEEDED' })).job.status).toBe('SUCCEEDED')
  })
})

test.each([
  [['Step 1/25', 'Step 12/25', 'Loading'], { step: 12, of: 25 }],
  [['Loading the image'], null],
  [['ratio 16/9'], null],
  [[], null],
])('the steps in the log lines %j are %j', (lines, steps) => {
  expect(findSteps(lines.map(line))).toEqual(steps)
})
