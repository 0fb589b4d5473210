import { styleText } from 'node:util'
import type { Activity } from './activity.ts'
import { toDurationText } from './text.ts'

interface LineOptions {
  elapsedMs: number
  /** Animates the spinner and the block: one more with each drawing. */
  frame: number
  /** Width of the terminal. */
  columns: number
  colour: boolean
}

const SPINNER = [...'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏']
const WIDEST_BAR = 30
const NARROWEST_BAR = 8

/** A bar of `width` characters, filled by `progress` (0 to 1); for null, a block that moves back and forth. */
export function drawBar(progress: number | null, width: number, frame: number): string {
  if (progress === null) return drawBlock(width, frame)
  const filled = Math.floor(Math.min(1, Math.max(0, progress)) * width)
  return '█'.repeat(filled) + '░'.repeat(width - filled)
}

function drawBlock(width: number, frame: number): string {
  const size = Math.max(1, Math.floor(width / 4))
  const range = width - size
  const step = range === 0 ? 0 : frame % (2 * range)
  const offset = step <= range ? step : 2 * range - step
  return '░'.repeat(offset) + '█'.repeat(size) + '░'.repeat(range - offset)
}

/** The line that shows the activity. One column narrower than the terminal, so that it does not wrap. */
export function drawLine({ text, progress }: Activity, { elapsedMs, frame, columns, colour }: LineOptions): string {
  const width = Math.max(0, columns - 1)
  const elapsed = toDurationText(elapsedMs)
  const paint = (style: 'cyan' | 'dim', words: string): string =>
    colour ? styleText(style, words, { validateStream: false }) : words
  const percent = typeof progress === 'number' ? ` ${String(Math.floor(progress * 100)).padStart(3)} %` : ''
  const spinner = SPINNER[frame % SPINNER.length] ?? ''

  const fixed = `${spinner} ${text}  ${percent}  ${elapsed}`
  const barWidth = progress === undefined ? 0 : Math.min(WIDEST_BAR, width - fixed.length)
  if (barWidth >= NARROWEST_BAR) {
    const bar = drawBar(progress ?? null, barWidth, frame)
    return `${paint('cyan', spinner)} ${text}  ${paint('cyan', bar)}${percent}  ${paint('dim', elapsed)}`
  }
  const words = `${spinner} ${text}${percent}  ${elapsed}`
  return words.length <= width
    ? `${paint('cyan', spinner)} ${text}${percent}  ${paint('dim', elapsed)}`
    : words.slice(0, width)
}
