import { type ReadonlySignal, signal } from '@preact/signals'
import type { ReelayClient } from '../../../client/core/reelay-client.ts'
import { StudioProviderDocument, type StudioProviderQuery } from '../generated/graphql.ts'

export type Pause = StudioProviderQuery['provider']

/** Whether fal takes jobs. */
export interface Provider {
  /** Null while it does, as far as anybody knows. */
  readonly pause: ReadonlySignal<Pause | null>
  /** Something was said that may be news of it: asks, soon. */
  refresh(): void
  start(): void
}

/** Between two looks, in milliseconds, while somebody waits. */
const LOOK_MS = 30_000
/** What a thousand jobs say at once is asked after once, in milliseconds. */
const TOGETHER_MS = 500
/** How long an answer is waited for, in milliseconds. */
const ANSWER_MS = 20_000

/** @param isWaiting - whether anybody cares, as long as nothing is wrong */
export function createProvider(client: ReelayClient, isWaiting: () => boolean): Provider {
  const pause = signal<Pause | null>(null)
  let isDue = false

  async function read(): Promise<void> {
    try {
      const { provider } = await client.request(StudioProviderDocument, {}, { signal: AbortSignal.timeout(ANSWER_MS) })
      pause.value = provider.state === 'AVAILABLE' ? null : provider
    } catch {
      // Without a connection: it is asked again when that is back.
    }
  }

  function refresh(): void {
    if (isDue) return
    isDue = true
    setTimeout(() => {
      isDue = false
      void read()
    }, TOGETHER_MS)
  }

  return {
    pause,
    refresh,
    start: () => {
      void read()
      const look = () => {
        if (!document.hidden && (pause.peek() !== null || isWaiting())) refresh()
      }
      setInterval(look, LOOK_MS)
      document.addEventListener('visibilitychange', look)
    },
  }
}
