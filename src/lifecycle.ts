/** Releases one resource: closes a server, stops a loop, removes a listener. Called once. */
export type Release = () => void | Promise<void>

/** A stack of opened resources, released in reverse order. */
export interface Lifecycle {
  /** Registers the release of a resource that was just opened. `outlives`: it would survive the end of this process. */
  onStop(name: string, release: Release, options?: { outlives?: boolean }): void
  /** Releases everything one by one, newest first. A release that fails is reported and does not stop the others. */
  stop(): Promise<void>
  /** Releases only the resources that would outlive this process. */
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

  /** A second caller waits for the release in progress. */
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
      // A resource opened during the stop is released too.
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
