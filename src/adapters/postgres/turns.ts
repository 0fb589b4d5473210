interface Waiting {
  weight: number
  resume(): void
}

/** Lets one caller continue per turn of the event loop, so that other work runs in between. */
export function createTurns() {
  /** In order of arrival. */
  const waiting: Waiting[] = []
  let isForOldest = false

  /** Alternates between the lightest, which delays the others least, and the oldest, so that none waits forever. */
  function takeNext(): Waiting | undefined {
    isForOldest = !isForOldest
    const lightest = Math.min(...waiting.map(({ weight }) => weight))
    const index = isForOldest ? 0 : waiting.findIndex(({ weight }) => weight === lightest)
    return waiting.splice(index, 1)[0]
  }

  function resumeNext(): void {
    takeNext()?.resume()
    if (waiting.length > 0) setImmediate(resumeNext)
  }

  return {
    /** @param weight - the caller's amount of work, in a unit that all callers share. */
    wait: async (weight: number): Promise<void> => {
      const turn = Promise.withResolvers<void>()
      if (waiting.push({ weight, resume: turn.resolve }) === 1) setImmediate(resumeNext)
      await turn.promise
    },
  }
}
