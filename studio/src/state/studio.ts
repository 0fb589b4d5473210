import { type ReadonlySignal, signal } from '@preact/signals'
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { ReelayClient, Via } from '../../../client/core/reelay-client.ts'
import { CancelJobDocument, type JobStatus, RetryJobDocument } from '../../../operations/generated/graphql.ts'
import { createDraft, createKey } from './draft.ts'
import { createErrorMessage } from './error-message.ts'
import { createJobList } from './job-list.ts'
import { findPreview, savePreview } from './previews.ts'
import { createProviderStatus } from './provider-status.ts'
import { createRoute } from './route.ts'

export type Studio = ReturnType<typeof createStudio>

/** How long a button waits for the response, in milliseconds. */
const TIMEOUT_MS = 20_000

/** How long a disconnect lasts before the page shows it, in milliseconds. */
const OFFLINE_AFTER_MS = 1500

const ANNOUNCEMENTS: Partial<Record<JobStatus, string>> = {
  RUNNING: 'A video is being generated.',
  SUCCEEDED: 'A video is ready.',
  FAILED: 'A video failed.',
  CANCELED: 'A video was canceled.',
}

/** The state and the actions of the page. */
export function createStudio(client: ReelayClient) {
  const isOffline = signal(!navigator.onLine)
  /** The transport of live updates. */
  const via = signal<Via>('websocket')
  /** Changes of status for screen readers, without the steps. A new `count` makes them read an unchanged text again. */
  const announcement = signal({ count: 0, text: '' })
  /** The error of a job's button. */
  const actionError = createErrorMessage()
  /** Idempotency keys of retries without a response: retrying again must not create a second job. */
  const retryKeys = new Map<string, string>()

  const jobs = createJobList(client, {
    onStatus: ({ status }, before) => {
      if (before === 'PENDING' && provider.pause.peek() !== null) provider.refresh()
      const text = ANNOUNCEMENTS[status]
      if (text) announce(text)
    },
    onWarning: () => provider.refresh(),
  })
  const provider = createProviderStatus(client, () => jobs.openCount.peek() > 0)
  const route = createRoute()
  const draft = createDraft(client, {
    onJob: (job) => {
      jobs.upsert(job)
      if (!['all', 'inProgress'].includes(jobs.filter.peek())) jobs.filter.value = 'all'
      announce('Submitted. The video is in the gallery.')
    },
  })

  function announce(text: string): void {
    announcement.value = { count: announcement.peek().count + 1, text }
  }

  /** Runs an action that returns its error message, or null. */
  async function attempt(action: () => Promise<string | null>): Promise<void> {
    actionError.clear()
    try {
      actionError.show(await action())
    } catch (error) {
      actionError.showError(error)
    }
  }

  return {
    jobs,
    draft,
    route,
    provider,
    isOffline: isOffline as ReadonlySignal<boolean>,
    via: via as ReadonlySignal<Via>,
    announcement: announcement as ReadonlySignal<{ count: number; text: string }>,
    actionError,
    cancel: (id: string): Promise<void> =>
      attempt(async () => {
        const timeout = AbortSignal.timeout(TIMEOUT_MS)
        const { cancelJob: result } = await client.request(CancelJobDocument, { id }, { signal: timeout })
        if (result.__typename !== 'CancelJobSuccess') return result.message
        jobs.upsert(result.job)
        return null
      }),
    retry: (id: string): Promise<void> =>
      attempt(async () => {
        const idempotencyKey = retryKeys.get(id) ?? createKey()
        retryKeys.set(id, idempotencyKey)
        const timeout = AbortSignal.timeout(TIMEOUT_MS)
        const { retryJob: result } = await client.request(RetryJobDocument, { id, idempotencyKey }, { signal: timeout })
        retryKeys.delete(id)
        if (result.__typename !== 'GenerateVideoSuccess') return result.message
        const preview = findPreview(id)
        if (preview !== null) savePreview(result.job.id, preview)
        jobs.upsert(result.job)
        jobs.filter.value = 'all'
        announce('Submitted again. The new video is in the gallery.')
        if (route.jobId.peek() !== null) route.replace(result.job.id)
        return null
      }),
    start: (): void => {
      jobs.start()
      provider.start()
      let isConnected = true
      let offlineTimer: ReturnType<typeof setTimeout> | undefined
      const updateOffline = () => {
        isOffline.value = !navigator.onLine || !isConnected
        if (isOffline.peek()) return
        actionError.clearUnreachable()
        draft.error.clearUnreachable()
      }
      client.onConnection((state, nextVia) => {
        if (state === 'online') via.value = nextVia
        // An attempt to connect does not end the disconnect.
        if (state === 'connecting') return
        const setConnected = () => {
          isConnected = state === 'online'
          updateOffline()
        }
        // A short disconnect is not shown. Each failed attempt reports `offline` again: the first one starts the timer.
        if (state === 'offline') offlineTimer ??= setTimeout(setConnected, OFFLINE_AFTER_MS)
        else {
          clearTimeout(offlineTimer)
          offlineTimer = undefined
          setConnected()
          provider.refresh()
          void jobs.catchUp()
        }
      })
      window.addEventListener('online', updateOffline)
      window.addEventListener('offline', updateOffline)
    },
  }
}

export const StudioContext = createContext<Studio | null>(null)

export function useStudio(): Studio {
  const studio = useContext(StudioContext)
  if (!studio) throw new Error('useStudio is called outside of StudioContext.Provider')
  return studio
}
