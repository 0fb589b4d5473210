import { styleText } from 'node:util'
import type { Activity } from './activity.ts'
import { drawLine } from './bar.ts'

/** What kind of line it is: ordinary, something beside the point, good news, or bad news. */
export type Tone = 'plain' | 'quiet' | 'good' | 'bad'

/** What a person, or a file, gets to see. */
export interface Display {
  /** Adds a line that stays. */
  print(line: string, tone?: Tone): void
  /** Says what goes on now, in place of what went on before. */
  show(activity: Activity): void
  /** Keeps still while something is asked; lines wait. */
  pause(): void
  resume(): void
  /** Nothing goes on any more. Lines can still be printed. */
  close(): void
}

export interface DisplayStream {
  write(text: string): unknown
  isTTY?: boolean | undefined
  columns?: number | undefined
}

/** The display that suits a stream: one that draws on a terminal, plain lines elsewhere. */
export function createDisplay(
  stream: DisplayStream,
  environment: Readonly<Record<string, string | undefined>>,
): Display {
  if (!stream.isTTY || environment.TERM === 'dumb') return createPlainDisplay(stream)
  // https://no-color.org: when it is there and not empty, whatever it says.
  return createTerminalDisplay(stream, { colour: !environment.NO_COLOR })
}

/** A line for each new thing, without control characters: for files, pipes and logs. */
export function createPlainDisplay(stream: DisplayStream): Display {
  let shown = ''
  const print = (line: string): void => void stream.write(`${line}\n`)
  return {
    print,
    show: ({ text }) => {
      // How far it is stands in the log lines already.
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

/** Lines that stay, and below them one that moves. */
export function createTerminalDisplay(stream: DisplayStream, { colour }: { colour: boolean }): Display {
  const beganAt = performance.now()
  let activity: Activity | null = null
  let timer: NodeJS.Timeout | undefined
  let waiting: string[] | null = null
  let frame = 0

  function draw(): void {
    if (activity === null || waiting !== null) return
    const line = drawLine(activity, {
      elapsedMs: performance.now() - beganAt,
      frame,
      columns: stream.columns ?? 80,
      colour,
    })
    stream.write(CLEAR_LINE + line)
  }

  function clear(): void {
    if (activity !== null) stream.write(CLEAR_LINE)
  }

  function start(): void {
    if (timer) return
    stream.write(HIDE_CURSOR)
    timer = setInterval(() => {
      frame++
      draw()
    }, FRAME_MS)
  }

  function halt(): void {
    if (!timer) return
    clearInterval(timer)
    timer = undefined
    clear()
    stream.write(SHOW_CURSOR)
  }

  return {
    print: (line, tone = 'plain') => {
      const painted = colour && tone !== 'plain' ? styleText(STYLES[tone], line, { validateStream: false }) : line
      if (waiting) {
        waiting.push(painted)
        return
      }
      clear()
      stream.write(`${painted}\n`)
      draw()
    },
    show: (next) => {
      activity = next
      if (waiting) return
      start()
      draw()
    },
    pause: () => {
      waiting ??= []
      halt()
    },
    resume: () => {
      const lines = waiting ?? []
      waiting = null
      for (const line of lines) stream.write(`${line}\n`)
      if (activity === null) return
      start()
      draw()
    },
    close: () => {
      for (const line of waiting ?? []) stream.write(`${line}\n`)
      waiting = null
      halt()
      activity = null
    },
  }
}
