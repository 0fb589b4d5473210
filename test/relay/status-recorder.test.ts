import { describe, expect, test } from 'vitest'
import type { FalLogLine, FalStatus } from '../../src/adapters/fal/types.ts'
import { MAX_LOG_BYTES, type RecordedLog, readProgress, toStatusChange } from '../../src/relay/status-recorder.ts'

const NOTHING: RecordedLog = { lines: 0, bytes: 0 }

function line(message: string): FalLogLine {
  return { message, level: 'INFO', at: null }
}

function running(...messages: string[]): FalStatus {
  return { state: 'IN_PROGRESS', logs: messages.map(line) }
}

/** Reads one status after another, like the recorder. Returns the new messages of each. */
function takeAll(answers: FalStatus[], from = NOTHING) {
  let recorded = from
  const messages = answers.map((answer) => {
    const reading = toStatusChange(answer, recorded)
    recorded = reading.recorded
    return reading.logs.map(({ message }) => message)
  })
  return { messages, recorded }
}

describe('a status of fal', () => {
  test('IN_QUEUE is QUEUED with its position', () => {
    expect(toStatusChange({ state: 'IN_QUEUE', position: 3, logs: [] }, NOTHING)).toEqual({
      status: 'QUEUED',
      queuePosition: 3,
      progress: null,
      logs: [],
      recorded: NOTHING,
    })
    expect(toStatusChange({ state: 'IN_QUEUE', position: null, logs: [] }, NOTHING)).toMatchObject({
      status: 'QUEUED',
      queuePosition: null,
    })
  })

  test('IN_PROGRESS is RUNNING, without a position, with the progress in its log', () => {
    expect(toStatusChange(running('3/4'), NOTHING)).toMatchObject({
      status: 'RUNNING',
      queuePosition: null,
      progress: 0.75,
    })
  })

  test('COMPLETED does not change the status before the result is known', () => {
    const answer: FalStatus = { state: 'COMPLETED', error: null, errorType: null, logs: [line('done')] }
    expect(toStatusChange(answer, { lines: 1, bytes: 4 })).toMatchObject({
      status: null,
      queuePosition: null,
      logs: [],
    })
  })

  test('COMPLETED with new lines shows that the request was RUNNING', () => {
    const answer: FalStatus = { state: 'COMPLETED', error: null, errorType: null, logs: [line('done')] }
    expect(toStatusChange(answer, NOTHING)).toMatchObject({
      status: 'RUNNING',
      queuePosition: null,
      logs: [{ message: 'done' }],
    })
  })

  test('a queued request has no progress, whatever an earlier run left in the log', () => {
    expect(toStatusChange({ state: 'IN_QUEUE', position: 0, logs: [line('24/25')] }, NOTHING).progress).toBeNull()
  })
})

describe('fal’s log, which repeats its earlier lines', () => {
  test('adds each line once', () => {
    const { messages, recorded } = takeAll([
      running('a'),
      running('a', 'b', 'c'),
      running('a', 'b', 'c'),
      running('a', 'b', 'c', 'd'),
    ])
    expect(messages).toEqual([['a'], ['b', 'c'], [], ['d']])
    expect(recorded).toEqual({ lines: 4, bytes: 4 * 64 })
  })

  test('adds equal lines as often as they were written', () => {
    expect(takeAll([running('a', 'a'), running('a', 'a', 'a')]).messages).toEqual([['a', 'a'], ['a']])
  })

  test('that shrinks and grows again adds no line twice', () => {
    const { messages } = takeAll([running('a', 'b', 'c'), running('a'), running(), running('a', 'b', 'c', 'd')])
    expect(messages).toEqual([['a', 'b', 'c'], [], [], ['d']])
  })

  test('continues after a restart where the row ends', () => {
    expect(takeAll([running('a', 'b', 'c')], { lines: 2, bytes: 2 }).messages).toEqual([['c']])
  })

  test('keeps level and time; a line without a time has none', () => {
    const logs: FalLogLine[] = [
      { message: 'a', level: 'ERROR', at: new Date('2026-11-22T12:00:00.5Z') },
      { message: 'b', level: 'DEBUG', at: null },
    ]
    expect(toStatusChange({ state: 'IN_PROGRESS', logs }, NOTHING).logs).toEqual([
      { message: 'a', level: 'ERROR', at: '2026-11-22T12:00:00.500Z' },
      { message: 'b', level: 'DEBUG', at: null },
    ])
  })

  test('is cleaned of what Postgres cannot hold', () => {
    const { logs } = toStatusChange(running('a\0b', 'c\ud800d', '🎬'), NOTHING)
    expect(logs.map(({ message }) => message)).toEqual(['ab', 'c\ufffdd', '🎬'])
  })
})

describe('of an endless log', () => {
  const kilobyte = 'x'.repeat(1024)
  const last = /64 KiB/

  test('64 KiB are kept, to the byte', () => {
    const { messages, recorded } = takeAll([running(...Array<string>(64).fill(kilobyte))])
    expect(messages[0]).toHaveLength(64)
    expect(messages[0]?.at(-1)).toBe(kilobyte)
    expect(recorded).toEqual({ lines: 64, bytes: MAX_LOG_BYTES })
  })

  test('one line, and only one, says that the rest is not kept', () => {
    const lines = Array<string>(64).fill(kilobyte)
    const answers = [
      running(...lines, 'y', 'z'),
      running(...lines, 'y', 'z', 'more'),
      running(...lines, 'y', 'z', 'more', 'and more'),
    ]
    const { messages } = takeAll(answers)
    expect(messages[0]).toHaveLength(65)
    expect(messages[0]?.at(-1)).toMatch(last)
    expect(messages.slice(1)).toEqual([[], []])
  })

  test('the line is not repeated after a restart', () => {
    const lines = Array<string>(65).fill(kilobyte)
    const { recorded } = takeAll([running(...lines)])
    expect(takeAll([running(...lines, 'more')], recorded).messages).toEqual([[]])
  })

  test('bytes are counted, not characters', () => {
    const film = '🎬'.repeat(256)
    const { messages } = takeAll([running(...Array<string>(65).fill(film))])
    expect(messages[0]).toHaveLength(65)
    expect(messages[0]?.at(-1)).toMatch(last)
  })

  test('a line counts 64 bytes at least, so that 1,024 short ones are kept, and a line says that the rest is not', () => {
    const { messages, recorded } = takeAll([
      running(...Array<string>(1024).fill('')),
      running(...Array<string>(3000).fill('')),
    ])
    expect(messages[0]).toHaveLength(1024)
    expect(messages[1]).toEqual([expect.stringMatching(/64 KiB or 1024 lines/)])
    expect(recorded.lines).toBe(3000)
  })

  test('a single line that is too long is not kept in part', () => {
    const { messages } = takeAll([running('x'.repeat(MAX_LOG_BYTES + 1), 'after')])
    expect(messages).toEqual([[expect.stringMatching(last)]])
  })

  test('the progress is still read', () => {
    const lines = Array<string>(70).fill(kilobyte)
    const { recorded } = takeAll([running(...lines)])
    expect(toStatusChange(running(...lines, '7/10'), recorded)).toMatchObject({ progress: 0.7, logs: [] })
  })
})

describe('the progress', () => {
  test.each([
    ['12/25', 0.48],
    ['step 12 / 25', 0.48],
    ['Step 3 of 25', 0.12],
    ['Step 3 of 25.', 0.12],
    ['Denoising 3/25...', 0.12],
    ['[12/25] denoising', 0.48],
    ['0/25', 0],
    ['25/25', 1],
    ['48%', 0.48],
    ['48 %', 0.48],
    ['48%|####8     |', 0.48],
    ['48%|####8     | 12/25 [00:01<00:02, 11.5it/s]', 0.48],
    ['progress: 99.5%', 0.995],
    ['100%', 1],
    ['0%', 0],
  ])('of %j is %d', (message, progress) => {
    expect(readProgress([message])).toBeCloseTo(progress, 10)
  })

  test.each([
    '',
    'loading the model',
    '2026/11/22 12:00:00 started',
    '2026-11-22T12:00:00Z',
    '22/11/2026',
    '1024/576',
    '1024x576',
    '00:01<00:02',
    '11.5it/s',
    '1/0',
    '0/0',
    '150%',
    '1,048%',
    '3/4/5',
    'https://fal.media/files/12/25/clip.mp4',
    '1.5/2.5',
    '123456/1234567',
  ])('is not in %j', (message) => {
    expect(readProgress([message])).toBeNull()
  })

  test('is that of the newest line that states one', () => {
    expect(readProgress(['1/4', '2/4', 'saving', '1024/576'])).toBe(0.5)
    expect(readProgress(['3/4', '10%'])).toBe(0.1)
    expect(readProgress([])).toBeNull()
  })

  test('is read from a hostile line within a second', () => {
    const begun = performance.now()
    readProgress(['1'.repeat(200_000), '1 '.repeat(100_000), `1${' '.repeat(100_000)}`, '1/'.repeat(100_000)])
    expect(performance.now() - begun).toBeLessThan(1000)
  })
})
