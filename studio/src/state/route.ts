import { type ReadonlySignal, signal } from '@preact/signals'
import { type Resolvers, withResolvers } from '../../../client/core/with-resolvers.ts'
import { decodePart } from '../words/link.ts'

/** Where the page is: at the gallery, or at one job. */
export interface Route {
  readonly jobId: ReadonlySignal<string | null>
  open(jobId: string): void
  /** Another job in the place of the one that is open. */
  replace(jobId: string): void
  /** Resolves once the page is at the gallery. */
  close(): Promise<void>
}

const JOB_PAGE = /jobs\/([^/]+)$/

/** A path of this server, whatever path a proxy has put before all of them: that of the page tells, with or without a slash at its end. */
export function toServerPath(path: string): string {
  return location.pathname.replace(JOB_PAGE, '').replace(/\/?$/, '/') + path
}

/** The path of a job's own page. */
export function toJobPath(jobId: string): string {
  return toServerPath(`jobs/${encodeURIComponent(jobId)}`)
}

export function createRoute(): Route {
  const jobId = signal(read())
  let leaving: Resolvers<void> | null = null

  function arrive(): void {
    jobId.value = read()
    leaving?.resolve()
    leaving = null
  }
  function go(path: string, state: unknown): void {
    history.pushState(state, '', path)
    arrive()
  }
  window.addEventListener('popstate', arrive)
  return {
    jobId,
    open: (id) => go(toJobPath(id), { fromGallery: true }),
    replace: (id) => {
      history.replaceState(history.state, '', toJobPath(id))
      jobId.value = read()
    },
    close: async () => {
      if (!(history.state as { fromGallery?: boolean } | null)?.fromGallery) return go(toServerPath(''), null)
      // Back to where one came from, so that the browser's own button does not open it again; and once, however often asked.
      if (!leaving) {
        leaving = withResolvers()
        history.back()
      }
      await leaving.promise
    },
  }
}

function read(): string | null {
  const [, id] = JOB_PAGE.exec(location.pathname) ?? []
  return id === undefined ? null : decodePart(id)
}
