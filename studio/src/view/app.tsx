import { useSignalEffect } from '@preact/signals'
import { toServerPath } from '../state/route.ts'
import { type Studio, StudioContext } from '../state/studio.ts'
import { ComposerForm } from './composer.tsx'
import { GalleryList } from './gallery.tsx'
import { Mark } from './icons.tsx'
import { JobDialog } from './job-dialog.tsx'
import { ProviderBanner } from './provider-banner.tsx'
import { Signs, ViaSign } from './signs.tsx'

export function App({ studio }: { studio: Studio }) {
  useSignalEffect(() => {
    const count = studio.gallery.runningCount.value
    document.title = count === 0 ? 'Reelay' : `${count} in the making · Reelay`
  })
  return (
    <StudioContext.Provider value={studio}>
      <a class="skip" href="#gallery">
        Skip to the videos
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
        <ComposerForm />
        <GalleryList />
      </main>
      <ViaSign />
      <JobDialog />
      {/* What stands beside an open dialog is neither seen nor heard: then they are in it. */}
      {studio.route.jobId.value === null && <Signs />}
    </StudioContext.Provider>
  )
}
