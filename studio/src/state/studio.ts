import { type ReadonlySignal, signal } from '@preact/signals'
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { ReelayClient, Via } from '../../../client/core/reelay-client.ts'
import { type JobStatus, StudioCancelDocument, StudioRetryDocument } from '../generated/graphql.ts'
import { type Composer, createComposer, toKey } from './composer.ts'
import { createGallery, type Gallery } from './gallery.ts'
import { findPreview, savePreview } from './previews.ts'
import { createProblem, type Problem } from './problem.ts'
import { createProvider, type Provider } from './provider.ts'
import { createRoute, type Route } from './route.ts'

/** Said anew each time, also when the words are the same. */
export interface Announcement {
  count: number
  words: string
}

/** All that the page shows and does. */
export interface Studio {
  readonly gallery: Gallery
  readonly composer: Composer
  readonly route: Route
  readonly provider: Provider
  readonly isOffline: ReadonlySignal<boolean>
  /** How updates come. */
  readonly via: ReadonlySignal<Via>
  /** What a screen reader says: changes of state, not each step. */
  readonly announcement: ReadonlySignal<Announcement>
  /** What went wrong with a button. */
  readonly notice: Problem
  cancel(jobId: string): Promise<void>
  retry(jobId: string): Promise<void>
  start(): void
}

/** How long a button waits for its answer, in milliseconds. */
const ANSWER_MS = 20_000

/** How long a break lasts before it is told, in milliseconds. */
const OFFLINE_AFTER_MS = 1500

const ANNOUNCED: Partial<Record<JobStatus, string>> = {
  RUNNING: 'A video is being made.',
  SUCCEEDED: 'A video is done.',
  FAILED: 'A video failed.',
  CANCELED: 'A video was canceled.',
}

export function createStudio(client: ReelayClient): Studio {
  const isOffline = signal(!navigator.onLine)
  const via = signal<Via>('websocket')
  const announcement = signal<Announcement>({ count: 0, words: '' })
  const notice = createProblem()
  /** The key of a retry whose answer was lost: asked for again, it is the same new job. */
  const retryKeys = new Map<string, string>()

  const gallery = createGallery(client, {
    onStatus: ({ status }, before) => {
      if (before === 'PENDING' && provider.pause.peek() !== null) provider.refresh()
      const words = ANNOUNCED[status]
      if (words) announce(words)
    },
    onWarning: () => provider.refresh(),
  })
  const provider = createProvider(client, () => gallery.runningCount.peek() > 0)
  const route = createRoute()
  const composer = createComposer(client, {
    onJob: (job) => {
      gallery.put(job)
      if (!['all', 'making'].includes(gallery.filter.peek())) gallery.filter.value = 'all'
      announce('Started: the video is in the gallery.')
    },
  })

  function announce(words: string): void {
    announcement.value = { count: announcement.peek().count + 1, words }
  }

  async function attempt(work: () => Promise<string | null>): Promise<void> {
    notice.say(null)
    try {
      notice.say(await work())
    } catch (error) {
      notice.tell(error)
    }
  }

  return {
    gallery,
    composer,
    route,
    provider,
    isOffline,
    via,
    announcement,
    notice,
    cancel: (id) =>
      attempt(async () => {
        const { cancelJob: answer } = await client.request(
          StudioCancelDocument,
          { id },
          { signal: AbortSignal.timeout(ANSWER_MS) },
        )
        if (answer.__typename !== 'CancelJobSuccess') return answer.message
        gallery.put(answer.job)
        return null
      }),
    retry: (id) =>
      attempt(async () => {
        const key = retryKeys.get(id) ?? toKey()
        retryKeys.set(id, key)
        const { retryJob: answer } = await client.request(
          StudioRetryDocument,
          { id, idempotencyKey: key },
          { signal: AbortSignal.timeout(ANSWER_MS) },
        )
        retryKeys.delete(id)
        if (answer.__typename !== 'GenerateVideoSuccess') return answer.message
        const preview = findPreview(id)
        if (preview !== null) savePreview(answer.job.id, preview)
        gallery.put(answer.job)
        gallery.filter.value = 'all'
        announce('Started again: the new video is in the gallery.')
        if (route.jobId.peek() !== null) route.replace(answer.job.id)
        return null
      }),
    start: () => {
      gallery.start()
      provider.start()
      let isReached = true
      let patience: ReturnType<typeof setTimeout> | undefined
      const judge = () => {
        isOffline.value = !navigator.onLine || !isReached
        if (isOffline.peek()) return
        notice.endOutage()
        composer.problem.endOutage()
      }
      client.onConnection((state, nextVia) => {
        if (state === 'online') via.value = nextVia
        // An attempt is no connection yet: the sign stays until there is one.
        if (state === 'connecting') return
        const reach = () => {
          isReached = state === 'online'
          judge()
        }
        // A break that is over in a moment is nobody's business; each attempt that fails tells of the same break.
        if (state === 'offline') patience ??= setTimeout(reach, OFFLINE_AFTER_MS)
        else {
          clearTimeout(patience)
          patience = undefined
          reach()
          provider.refresh()
          void gallery.catchUp()
        }
      })
      window.addEventListener('online', judge)
      window.addEventListener('offline', judge)
    },
  }
}

export const StudioContext = createContext<Studio | null>(null)

export function useStudio(): Studio {
  const studio = useContext(StudioContext)
  if (!studio) throw new Error('there is no studio around this part of the page')
  return studio
}
