import { useSignalEffect } from '@preact/signals'
import { toServerPath } from '../state/route.ts'
import { type Studio, StudioContext } from '../state/studio.ts'
import { ProviderBanner, Toasts, TransportNote } from './banners.tsx'
import { DraftForm } from './draft-form.tsx'
import { Gallery } from './gallery.tsx'
import { Mark } from './icons.tsx'
import { JobDialog } from './job-dialog.tsx'

export function App({ studio }: { studio: Studio }) {
  useSignalEffect(() => {
    const count = studio.jobs.openCount.value
    document.title = count === 0 ? 'Reelay' : `${count} in progress · Reelay`
  })
  return (
    <StudioContext.Provider value={studio}>
      <a class="skip" href="#gallery">
        Skip to videos
      </a>
      <header class="top">
        <h1 class="brand">
          <Mark />
          Reelay
        </h1>
        <nav aria-label="More">
          <a class="quiet-link" href={toServerPath('graphql')}>
            API
          </a>
        </nav>
      </header>
      <ProviderBanner />
      <main class="stage">
        <DraftForm />
        <Gallery />
      </main>
      <TransportNote />
      <JobDialog />
      {/* An open dialog hides everything outside of it: then the dialog shows the toasts. */}
      {studio.route.jobId.value === null && <Toasts />}
    </StudioContext.Provider>
  )
}
