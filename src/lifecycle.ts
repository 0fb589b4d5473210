/** Gives one thing back: closes a server, stops a loop, removes a listener. Called once. */
export type Release = () => void | Promise<void>

/** What has been opened, to be closed in the opposite order. */
export interface Lifecycle {
  /** Remembers how to give back what was just opened. `outlives`: the end of this process would not end it. */
  onStop(name: string, release: Release, options?: { outlives?: boolean }): void
  /** Releases everything, newest first, each in its turn; a release that fails is reported and does not stop the others. */
  stop(): Promise<void>
  /** Releases at once what would outlive this process, and waits for nothing else. */
  stopNow(): Promise<void>
}

interface Entry {
  name: string
  release: Release
  outlives: boolean
  released?: Promise<void>
}

export function createLifecycle(onError: (error: unknown, context: { stage: string }) => void): Lifecycle {
  const entries: Entry[] = []
  let stopping: Promise<void> | undefined

  async function release({ name, release }: Entry): Promise<void> {
    try {
      await release()
    } catch (error) {
      onError(error, { stage: `stop ${name}` })
    }
  }

  /** The second caller waits for the release that is under way. */
  function releaseOnce(entry: Entry): Promise<void> {
    entry.released ??= release(entry)
    return entry.released
  }

  async function releaseAll(): Promise<void> {
    for (let entry = entries.at(-1); entry; entry = entries.at(-1)) {
      await releaseOnce(entry)
      entries.splice(entries.indexOf(entry), 1)
    }
  }

  return {
    onStop: (name, release, { outlives = false } = {}) => {
      entries.push({ name, release, outlives })
      // Opened while all was being closed: it goes the same way.
      if (stopping) stopping = stopping.then(releaseAll)
    },
    stop: () => {
      stopping ??= releaseAll()
      return stopping
    },
    stopNow: async () => {
      for (const entry of entries.filter(({ outlives }) => outlives).reverse()) await releaseOnce(entry)
    },
  }
}
