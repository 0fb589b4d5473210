/** Gives one thing back: closes a server, stops a loop, removes a listener. Called once. */
export type Release = () => void | Promise<void>

/** What has been opened, to be closed in the opposite order. */
export interface Lifecycle {
  /** Remembers how to give back what was just opened. */
  onStop(name: string, release: Release): void
  /** Releases everything, newest first, each in its turn; a release that fails is reported and does not stop the others. */
  stop(): Promise<void>
}

export function createLifecycle(onError: (error: unknown, context: { stage: string }) => void): Lifecycle {
  const releases: { name: string; release: Release }[] = []
  let stopping: Promise<void> | undefined

  async function releaseAll(): Promise<void> {
    for (let entry = releases.pop(); entry; entry = releases.pop()) {
      try {
        await entry.release()
      } catch (error) {
        onError(error, { stage: `stop ${entry.name}` })
      }
    }
  }

  return {
    onStop: (name, release) => {
      releases.push({ name, release })
      // Opened while all was being closed: it goes the same way.
      if (stopping) stopping = stopping.then(releaseAll)
    },
    stop: () => {
      stopping ??= releaseAll()
      return stopping
    },
  }
}
