import { styleText } from 'node:util'
import type { Activity } from './activity.ts'
import { drawLine } from './progress-line.ts'

/** How a line is styled: normal, dim, green or red. */
export type Tone = 'plain' | 'quiet' | 'good' | 'bad'

/** The output of the command: lines that stay, and the current activity. */
export interface Display {
  print(line: string, tone?: Tone): void
  /** Replaces the current activity. */
  show(activity: Activity): void
  /** Holds all output back during a prompt. */
  pause(): void
  resume(): void
  /** Removes the activity. Lines can still be printed. */
  close(): void
}

interface DisplayStream {
  write(text: string): unknown
  isTTY?: boolean | undefined
  columns?: number | undefined
}

/** Animated on a terminal, plain lines elsewhere. */
export function createDisplay(stream: DisplayStream, environment: NodeJS.ProcessEnv): Display {
  if (!stream.isTTY || environment.TERM === 'dumb') return createPlainDisplay(stream)
  // https://no-color.org: any non-empty value disables colours.
  return createTerminalDisplay(stream, { colour: !environment.NO_COLOR })
}

/** One line per new activity, without control characters: for files, pipes and logs. */
function createPlainDisplay(stream: DisplayStream): Display {
  let shown = ''
  const print = (line: string): void => void stream.write(`${line}\n`)
  return {
    print,
    show: ({ text }) => {
      // The log lines already show the progress.
      if (text !== shown) print(text)
      shown = text
    },
    pause: () => {},
    resume: () => {},
    close: () => {},
  }
}

const FRAME_MS = 100
const CLEAR_LINE = '\r\x1b[2K'
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const STYLES = { quiet: 'dim', good: 'green', bad: 'red' } as const

/** Printed lines, and an animated line below them. */
function createTerminalDisplay(stream: DisplayStream, { colour }: { colour: boolean }): Display {
  const startedAt = performance.now()
  let activity: Activity | null = null
  let timer: NodeJS.Timeout | undefined
  let heldLines: string[] | null = null
  let frame = 0

  /** The first drawing starts the animation. */
  function draw(): void {
    if (activity === null || heldLines !== null) return
    if (!timer) {
      stream.write(HIDE_CURSOR)
      timer = setInterval(() => {
        frame++
        draw()
      }, FRAME_MS)
    }
    const line = drawLine(activity, {
      elapsedMs: performance.now() - startedAt,
      frame,
      columns: stream.columns ?? 80,
      colour,
    })
    stream.write(CLEAR_LINE + line)
  }

  function clear(): void {
    if (activity !== null) stream.write(CLEAR_LINE)
  }

  function halt(): void {
    if (!timer) return
    clearInterval(timer)
    timer = undefined
    clear()
    stream.write(SHOW_CURSOR)
  }

  function release(): void {
    for (const line of heldLines ?? []) stream.write(`${line}\n`)
    heldLines = null
  }

  return {
    print: (line, tone = 'plain') => {
      const painted = colour && tone !== 'plain' ? styleText(STYLES[tone], line, { validateStream: false }) : line
      if (heldLines) {
        heldLines.push(painted)
        return
      }
      clear()
      stream.write(`${painted}\n`)
      draw()
    },
    show: (next) => {
      activity = next
      draw()
    },
    pause: () => {
      heldLines ??= []
      halt()
    },
    resume: () => {
      release()
      draw()
    },
    close: () => {
      release()
      halt()
      activity = null
    },
  }
}
