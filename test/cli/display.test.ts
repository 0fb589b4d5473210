import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { toActivity } from '../../cli/activity.ts'
import { createDisplay } from '../../cli/display.ts'
import { drawBar, drawLine } from '../../cli/progress-line.ts'

const update = { queuePosition: null, progress: null, logs: [] }

describe('an activity', () => {
  test('shows the queue position', () => {
    expect(toActivity({ ...update, status: 'QUEUED', queuePosition: 3 })?.text).toBe('queued, 3 ahead')
    expect(toActivity({ ...update, status: 'QUEUED', queuePosition: 0 })?.text).toBe('queued, next up')
    expect(toActivity({ ...update, status: 'QUEUED' })?.text).toBe('queued')
  })

  test('keeps its progress over updates that have none', () => {
    const started = toActivity({ ...update, status: 'RUNNING' })
    expect(started).toEqual({ text: 'generating', progress: null })
    const generating = toActivity({ ...update, status: 'RUNNING', progress: 0.48 }, started)
    expect(toActivity({ ...update, status: 'RUNNING' }, generating)).toEqual({ text: 'generating', progress: 0.48 })
    expect(toActivity({ ...update, status: 'STORING' }, generating)?.progress).toBeNull()
    expect(toActivity({ ...update, status: 'SUCCEEDED' }, generating)).toBeNull()
  })

  test('names the reason for a delay until the job is queued', () => {
    const pending = { ...update, status: 'PENDING' } as const
    expect(toActivity(pending)?.text).toBe('submitting to fal')
    const message = 'fal refuses the API key: Invalid key. Jobs wait.'
    const warned = toActivity({ ...pending, logs: [{ at: null, level: 'WARN', message }] })
    expect(warned?.text).toBe('waiting: fal refuses the API key')
    expect(toActivity(pending, warned)).toEqual(warned)
    expect(toActivity({ ...update, status: 'QUEUED' }, warned)?.text).toBe('queued')
  })
})

describe('the bar', () => {
  test('is as wide as requested at any progress', () => {
    for (const progress of [-1, 0, 0.01, 0.5, 0.999, 1, 2]) expect(drawBar(progress, 10, 0)).toHaveLength(10)
    expect(drawBar(0.5, 10, 0)).toBe('█████░░░░░')
    expect(drawBar(0.999, 10, 0)).toBe('█████████░')
    expect(drawBar(1, 10, 0)).toBe('██████████')
  })

  test('moves back and forth without a known progress', () => {
    const frames = Array.from({ length: 13 }, (_, frame) => drawBar(null, 8, frame))
    expect(frames[0]).toBe('██░░░░░░')
    expect(frames[6]).toBe('░░░░░░██')
    expect(frames[12]).toBe(frames[0])
    for (const frame of frames) expect(frame).toHaveLength(8)
    expect(drawBar(null, 1, 5)).toBe('█')
  })

  test('and its line stay narrower than the terminal', () => {
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
    display.show({ text: 'queued, next up' })
    display.print('a line', 'quiet')
    display.show({ text: 'generating', progress: null })
    display.pause()
    display.print('a held line', 'bad')
    display.show({ text: 'generating', progress: 0.5 })
    display.resume()
    display.close()
    display.print('the end', 'good')
    return text
  }

  test('outside a terminal prints plain lines, each activity once', () => {
    const plain = 'queued, next up\na line\ngenerating\na held line\nthe end\n'
    expect(record({ isTTY: false })).toBe(plain)
    expect(record({ isTTY: true, environment: { TERM: 'dumb' } })).toBe(plain)
  })

  test('on a terminal keeps its lines and restores the cursor', () => {
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
