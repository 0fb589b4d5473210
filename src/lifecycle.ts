export type Lifecycle = ReturnType<typeof createLifecycle>

interface Entry {
  name: string
  /** Releases one resource: closes a server, stops a loop, removes a listener. Called once. */
  release(): unknown
  outlives: boolean
  released?: Promise<unknown>
}

/** A stack of opened resources, released in reverse order. */
export function createLifecycle(onError: (error: unknown, context: { stage: string }) => void) {
  const entries: Entry[] = []
  let stopping: Promise<void> | undefined

  /** A second caller waits for the release in progress. */
  async function releaseOnce(entry: Entry): Promise<void> {
    entry.released ??= Promise.try(entry.release).catch((error: unknown) => {
      onError(error, { stage: `stop ${entry.name}` })
    })
    await entry.released
  }

  async function releaseAll(): Promise<void> {
    for (let entry = entries.at(-1); entry; entry = entries.at(-1)) {
      await releaseOnce(entry)
      entries.splice(entries.indexOf(entry), 1)
    }
  }

  return {
    /** Registers the release of a resource that was just opened. `outlives`: it would survive the end of this process. */
    onStop: (name: string, release: () => unknown, { outlives = false } = {}): void => {
      entries.push({ name, release, outlives })
      // A resource opened during the stop is released too.
      if (stopping) stopping = stopping.then(releaseAll)
    },
    /** Releases everything one by one, newest first. A release that fails is reported and does not stop the others. */
    stop: (): Promise<void> => {
      stopping ??= releaseAll()
      return stopping
    },
    /** Releases only the resources that would outlive this process. */
    stopNow: async (): Promise<void> => {
      for (const entry of entries.filter(({ outlives }) => outlives).reverse()) await releaseOnce(entry)
    },
  }
}
