import { createInterface } from 'node:readline'
import { InterruptedError } from './errors.ts'

export type Interrupts = ReturnType<typeof listenForInterrupts>

/** Handles Ctrl-C (SIGINT) and SIGTERM. A further signal while the command is ending exits at once. */
export function listenForInterrupts() {
  const abort = new AbortController()
  let first: (() => void) | null = null

  function interrupt(signal: 'SIGINT' | 'SIGTERM'): void {
    const interrupted = new InterruptedError(signal)
    if (abort.signal.aborted) process.exit(interrupted.exitCode)
    const handler = signal === 'SIGINT' ? first : null
    first = null
    if (handler) handler()
    else abort.abort(interrupted)
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)

  return {
    /** Aborts, with the reason, when the command must end. */
    signal: abort.signal,
    /** Ends the command. */
    end: (reason: Error): void => abort.abort(reason),
    /** Runs on the first Ctrl-C instead of ending the command. The second one ends it. */
    onFirst: (handler: (() => void) | null): void => {
      first = handler
    },
    /** Removes the signal handlers. */
    stop: (): void => {
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', interrupt)
    },
  }
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
