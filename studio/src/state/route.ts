import { type ReadonlySignal, signal } from '@preact/signals'
import { type Resolvers, withResolvers } from '../../../client/core/with-resolvers.ts'
import { decodeUrlPart } from '../../../src/jobs/image-link.ts'

const JOB_PAGE = /jobs\/([^/]+)$/

/** A path of this server, below the base path that a proxy may add: the page's URL has it, at times without a slash. */
export function toServerPath(path: string): string {
  return location.pathname.replace(JOB_PAGE, '').replace(/\/?$/, '/') + path
}

export function toJobPath(jobId: string): string {
  return toServerPath(`jobs/${encodeURIComponent(jobId)}`)
}

/** The page's location: the gallery, or one job. */
export function createRoute() {
  /** The open job; null at the gallery. */
  const jobId = signal(readJobId())
  let leaving: Resolvers<void> | null = null

  function arrive(): void {
    jobId.value = readJobId()
    leaving?.resolve()
    leaving = null
  }
  function go(path: string, state: unknown): void {
    history.pushState(state, '', path)
    arrive()
  }
  window.addEventListener('popstate', arrive)
  return {
    jobId: jobId as ReadonlySignal<string | null>,
    open: (id: string): void => go(toJobPath(id), { fromGallery: true }),
    /** Opens another job in place of the current one, without a new history entry. */
    replace: (id: string): void => {
      history.replaceState(history.state, '', toJobPath(id))
      jobId.value = readJobId()
    },
    /** Resolves once the page is at the gallery. */
    close: async (): Promise<void> => {
      if (!(history.state as { fromGallery?: boolean } | null)?.fromGallery) return go(toServerPath(''), null)
      // Going back keeps the browser's back button from opening the job again. A second call must not go back twice.
      if (!leaving) {
        leaving = withResolvers()
        history.back()
      }
      await leaving.promise
    },
  }
}

function readJobId(): string | null {
  const [, id] = JOB_PAGE.exec(location.pathname) ?? []
  return id === undefined ? null : decodeUrlPart(id)
}
