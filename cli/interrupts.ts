import { createInterface } from 'node:readline'
import { InterruptedError } from './errors.ts'

/** Handles Ctrl-C (SIGINT) and SIGTERM. */
export interface Interrupts {
  /** Aborts, with the reason, when the command must end. */
  signal: AbortSignal
  /** Ends the command. */
  end(reason: Error): void
  /** Runs on the first Ctrl-C instead of ending the command. The second one ends it. */
  onFirst(handler: (() => void) | null): void
  /** Removes the signal handlers. */
  stop(): void
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

/** Installs the signal handlers. A further signal while the command is ending exits at once. */
export function listenForInterrupts(): Interrupts {
  const abort = new AbortController()
  let first: (() => void) | null = null

  function interrupt(signal: 'SIGINT' | 'SIGTERM'): void {
    if (abort.signal.aborted) process.exit(EXIT_CODES[signal])
    const handler = signal === 'SIGINT' ? first : null
    first = null
    if (handler) handler()
    else abort.abort(new InterruptedError(signal))
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)

  return {
    signal: abort.signal,
    end: (reason) => abort.abort(reason),
    onFirst: (handler) => {
      first = handler
    },
    stop: () => {
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', interrupt)
    },
  }
}

export function toExitCode({ signal }: InterruptedError): number {
  return EXIT_CODES[signal]
}

/** Asks a yes/no question on the terminal. Anything but yes, the end of the input and an abort all mean no. */
export function askForYes(question: string, signal: AbortSignal): Promise<boolean> {
  const answer = Promise.withResolvers<boolean>()
  let answered = false
  // Line editing would turn Ctrl-C into input: `terminal: false` keeps it a signal.
  const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: false })
  const close = (): void => lines.close()
  signal.addEventListener('abort', close, { once: true })
  lines.once('close', () => {
    signal.removeEventListener('abort', close)
    // Without an answer the cursor is still on the question's line.
    if (!answered) process.stdout.write('\n')
    answer.resolve(false)
  })
  lines.question(question, (text) => {
    answered = true
    answer.resolve(/^y(es)?$/i.test(text.trim()))
    lines.close()
  })
  return answer.promise
}
