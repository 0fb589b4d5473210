import { createInterface } from 'node:readline'
import { InterruptedError } from './errors.ts'

/** Ctrl-C and SIGTERM. */
export interface Interrupts {
  /** Aborted when the command shall end, with the reason. */
  signal: AbortSignal
  /** Ends the command. */
  end(reason: Error): void
  /** What the first Ctrl-C does instead of ending the command; the one after it ends it all the same. */
  onFirst(handler: (() => void) | null): void
  /** Stops listening. */
  stop(): void
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

/** Listens until it is stopped. Who interrupts once more while the command is ending is let go at once. */
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

/** Asks for yes or no on the terminal; everything but a yes is a no, and so is the end of the input or of `signal`. */
export function askForYes(question: string, signal: AbortSignal): Promise<boolean> {
  const answer = Promise.withResolvers<boolean>()
  let answered = false
  // Without line editing of its own, so that Ctrl-C stays a signal.
  const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: false })
  const close = (): void => lines.close()
  signal.addEventListener('abort', close, { once: true })
  lines.once('close', () => {
    signal.removeEventListener('abort', close)
    // No line was entered: what comes next begins one.
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
