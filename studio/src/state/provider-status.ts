import { type ReadonlySignal, signal } from '@preact/signals'
import type { ReelayClient } from '../../../client/core/reelay-client.ts'
import { GetProviderDocument, type GetProviderQuery } from '../../../operations/generated/graphql.ts'

/** Time between polls while a job is open or submission is paused, in milliseconds. */
const POLL_MS = 30_000
/** In milliseconds: updates of a thousand jobs cause one request. */
const DEBOUNCE_MS = 500
/** How long a request waits for its response, in milliseconds. */
const TIMEOUT_MS = 20_000

/**
 * Whether fal accepts jobs.
 * @param hasOpenJobs - whether the status is polled while fal accepts jobs
 */
export function createProviderStatus(client: ReelayClient, hasOpenJobs: () => boolean) {
  /** Why submission is paused; null while fal accepts jobs, or before the first response. */
  const pause = signal<GetProviderQuery['provider'] | null>(null)
  let isScheduled = false

  async function read(): Promise<void> {
    try {
      const { provider } = await client.request(GetProviderDocument, {}, { signal: AbortSignal.timeout(TIMEOUT_MS) })
      pause.value = provider.state === 'AVAILABLE' ? null : provider
    } catch {
      // Offline: the studio refreshes the status when it reconnects.
    }
  }

  /** Reads the status again, at most once every {@link DEBOUNCE_MS}. */
  function refresh(): void {
    if (isScheduled) return
    isScheduled = true
    setTimeout(() => {
      isScheduled = false
      void read()
    }, DEBOUNCE_MS)
  }

  return {
    pause: pause as ReadonlySignal<typeof pause.value>,
    refresh,
    start: (): void => {
      void read()
      const poll = () => {
        if (!document.hidden && (pause.peek() !== null || hasOpenJobs())) refresh()
      }
      setInterval(poll, POLL_MS)
      document.addEventListener('visibilitychange', poll)
    },
  }
}
