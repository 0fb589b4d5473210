import { type ReadonlySignal, signal } from '@preact/signals'
import { isUnreachable, toErrorText } from '../format/request-error.ts'

/** An error shown until it is dismissed. */
export interface ErrorMessage {
  readonly text: ReadonlySignal<string | null>
  show(text: string | null): void
  /** Shows why a request failed, followed by `more`. */
  showError(error: unknown, more?: string): void
  clear(): void
  /** Clears the message if the server was unreachable: called once it is reachable again. */
  clearUnreachable(): void
}

export function createErrorMessage(): ErrorMessage {
  const text = signal<string | null>(null)
  let wasUnreachable = false
  function show(next: string | null): void {
    wasUnreachable = false
    text.value = next
  }
  return {
    text,
    show,
    showError: (error, more) => {
      show([toErrorText(error), more].filter(Boolean).join(' '))
      wasUnreachable = isUnreachable(error)
    },
    clear: () => show(null),
    clearUnreachable: () => {
      if (wasUnreachable) show(null)
    },
  }
}
