import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { toActivity } from '../../cli/activity.ts'
import { drawBar, drawLine } from '../../cli/bar.ts'
import { createDisplay } from '../../cli/display.ts'

const update = { queuePosition: null, progress: null, logs: [] }

describe('an activity', () => {
  test('tells the place in line as a number', () => {
    expect(toActivity({ ...update, status: 'QUEUED', queuePosition: 3 })?.text).toBe('in the queue, 3 ahead')
    expect(toActivity({ ...update, status: 'QUEUED', queuePosition: 0 })?.text).toBe('next in the queue')
    expect(toActivity({ ...update, status: 'QUEUED' })?.text).toBe('in the queue')
  })

  test('has no progress until the log tells it, and keeps what was told', () => {
    const begun = toActivity({ ...update, status: 'RUNNING' })
    expect(begun).toEqual({ text: 'generating', progress: null })
    const told = toActivity({ ...update, status: 'RUNNING', progress: 0.48 }, begun)
    expect(toActivity({ ...update, status: 'RUNNING' }, told)).toEqual({ text: 'generating', progress: 0.48 })
    expect(toActivity({ ...update, status: 'STORING' }, told)?.progress).toBeNull()
    expect(toActivity({ ...update, status: 'SUCCEEDED' }, told)).toBeNull()
  })

  test('names what a job waits for until it waits no longer', () => {
    const pending = { ...update, status: 'PENDING' } as const
    expect(toActivity(pending)?.text).toBe('waiting to be sent to fal')
    const message = 'fal refuses the API key: Invalid key. Jobs wait.'
    const warned = toActivity({ ...pending, logs: [{ at: null, level: 'WARN', message }] })
    expect(warned?.text).toBe('waiting: fal refuses the API key')
    expect(toActivity(pending, warned)).toEqual(warned)
    expect(toActivity({ ...update, status: 'QUEUED' }, warned)?.text).toBe('in the queue')
  })
})

describe('the bar', () => {
  test('is as long as it was told, however far it is', () => {
    for (const progress of [-1, 0, 0.01, 0.5, 0.999, 1, 2]) expect(drawBar(progress, 10, 0)).toHaveLength(10)
    expect(drawBar(0.5, 10, 0)).toBe('█████░░░░░')
    expect(drawBar(0.999, 10, 0)).toBe('█████████░')
    expect(drawBar(1, 10, 0)).toBe('██████████')
  })

  test('moves to and fro while nobody knows how far it is', () => {
    const frames = Array.from({ length: 13 }, (_, frame) => drawBar(null, 8, frame))
    expect(frames[0]).toBe('██░░░░░░')
    expect(frames[6]).toBe('░░░░░░██')
    expect(frames[12]).toBe(frames[0])
    for (const frame of frames) expect(frame).toHaveLength(8)
    expect(drawBar(null, 1, 5)).toBe('█')
  })

  test('and its line never reach the edge of the terminal', () => {
    const activity = { text: 'generating', progress: 0.48 }
    for (const columns of [0, 1, 10, 25, 40, 80, 200]) {
      const line = drawLine(activity, { elapsedMs: 7_000, frame: 3, columns, colour: true })
      expect(stripVTControlCharacters(line).length).toBeLessThanOrEqual(Math.max(0, columns - 1))
    }
    const line = drawLine(activity, { elapsedMs: 7_000, frame: 0, columns: 200, colour: false })
    expect(line).toBe(`⠋ generating  ${'█'.repeat(14)}${'░'.repeat(16)}  48 %  0:07`)
  })
})

describe('a display', () => {
  function record({ isTTY, environment = {} }: { isTTY: boolean; environment?: Record<string, string> }): string {
    let text = ''
    const write = (more: string) => {
      text += more
    }
    const stream = { isTTY, columns: 80, write }
    const display = createDisplay(stream, environment)
    display.show({ text: 'in the queue, position 1' })
    display.print('a line', 'quiet')
    display.show({ text: 'generating', progress: null })
    display.pause()
    display.print('a line that waits', 'bad')
    display.show({ text: 'generating', progress: 0.5 })
    display.resume()
    display.close()
    display.print('the end', 'good')
    return text
  }

  test('elsewhere than on a terminal has plain lines, each activity once', () => {
    const plain = 'in the queue, position 1\na line\ngenerating\na line that waits\nthe end\n'
    expect(record({ isTTY: false })).toBe(plain)
    expect(record({ isTTY: true, environment: { TERM: 'dumb' } })).toBe(plain)
  })

  test('on a terminal leaves its lines, and shows the cursor again', () => {
    const text = record({ isTTY: true })
    expect(text).toContain('\x1b[2ma line\x1b[22m\n')
    expect(text).toContain('50 %')
    expect(text.lastIndexOf('\x1b[?25h')).toBeGreaterThan(text.lastIndexOf('\x1b[?25l'))
    expect(text.endsWith('\r\x1b[2K\x1b[?25h\x1b[32mthe end\x1b[39m\n')).toBe(true)
  })

  test('obeys NO_COLOR', () => {
    const text = record({ isTTY: true, environment: { NO_COLOR: '1' } })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made of these
    expect(text).not.toMatch(/\x1b\[[\d;]*m/)
  })
})
