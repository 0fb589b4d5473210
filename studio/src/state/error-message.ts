import { type ReadonlySignal, signal } from '@preact/signals'
import { isUnreachable, toErrorText } from '../format/request-error.ts'

/** An error shown until it is dismissed. */
export function createErrorMessage() {
  const text = signal<string | null>(null)
  let wasUnreachable = false
  function show(next: string | null): void {
    wasUnreachable = false
    text.value = next
  }
  return {
    text: text as ReadonlySignal<string | null>,
    show,
    /** Shows why a request failed, followed by `more`. */
    showError: (error: unknown, more?: string): void => {
      show([toErrorText(error), more].filter(Boolean).join(' '))
      wasUnreachable = isUnreachable(error)
    },
    clear: (): void => show(null),
    /** Clears the message if the server was unreachable: called once it is reachable again. */
    clearUnreachable: (): void => {
      if (wasUnreachable) show(null)
    },
  }
}
