import { type ReadonlySignal, signal } from '@preact/signals'
import { isOutOfReach, toProblemWords } from '../words/problem.ts'

/** What stands in the way, in words, until it is put away. */
export interface Problem {
  readonly words: ReadonlySignal<string | null>
  say(words: string | null): void
  /** What a request failed with, and perhaps what else is to be known. */
  tell(error: unknown, more?: string): void
  /** The server is there again: that it could not be reached is no news any more. */
  endOutage(): void
}

export function createProblem(): Problem {
  const words = signal<string | null>(null)
  let isOutage = false
  return {
    words,
    say: (text) => {
      isOutage = false
      words.value = text
    },
    tell: (error, more) => {
      isOutage = isOutOfReach(error)
      words.value = [toProblemWords(error), more].filter(Boolean).join(' ')
    },
    endOutage: () => {
      if (isOutage) words.value = null
    },
  }
}
