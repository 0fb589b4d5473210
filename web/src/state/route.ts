import { type ReadonlySignal, signal } from '@preact/signals'

/** Where the page is: at the gallery, or at one job. */
export interface Route {
  readonly jobId: ReadonlySignal<string | null>
  open(jobId: string): void
  close(): void
}

/** The path of a job's own page. */
export function toJobPath(jobId: string): string {
  return `/jobs/${encodeURIComponent(jobId)}`
}

export function createRoute(): Route {
  const jobId = signal(read())
  window.addEventListener('popstate', () => {
    jobId.value = read()
  })

  function go(path: string, state: unknown): void {
    history.pushState(state, '', path)
    jobId.value = read()
  }
  return {
    jobId,
    open: (id) => go(toJobPath(id), { fromGallery: true }),
    close: () => {
      // Back to where one came from, so that the browser's own button does not open it again.
      if ((history.state as { fromGallery?: boolean } | null)?.fromGallery) history.back()
      else go('/', null)
    },
  }
}

function read(): string | null {
  const [, id] = /^\/jobs\/([^/]+)$/.exec(location.pathname) ?? []
  return id === undefined ? null : decodeURIComponent(id)
}
