import { useEffect, useRef } from 'preact/hooks'
import { useStudio } from '../state/studio.ts'
import { FILTERS } from '../words/status.ts'
import { JobCard } from './job-card.tsx'

const EXAMPLE = new URL('../../../examples/rocket.png', import.meta.url).href

/** All videos, newest first, in the making or made. */
export function GalleryList() {
  const { gallery } = useStudio()
  const ids = gallery.shown.value.split(' ').filter(Boolean)
  const { isLoading, problem, hasMore } = gallery.reading.value

  return (
    <section class="gallery" id="gallery" tabIndex={-1} aria-labelledby="gallery-title" aria-busy={isLoading}>
      <div class="gallery-head">
        <h2 id="gallery-title">Videos</h2>
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for a form; this narrows a list */}
        <div class="chips" role="group" aria-label="Show">
          {FILTERS.map(({ name, label }) => (
            <button
              type="button"
              key={name}
              class="chip"
              aria-pressed={gallery.filter.value === name}
              onClick={() => {
                gallery.filter.value = name
                if (gallery.reading.peek().horizon === null) void gallery.loadMore()
              }}
            >
              {label}
            </button>
          ))}
        </div>
      </div>
      {ids.length > 0 && (
        <ul class="cards">
          {ids.map((id) => (
            <JobCard key={id} id={id} />
          ))}
        </ul>
      )}
      {ids.length === 0 && isLoading && <Skeleton />}
      {ids.length === 0 && !isLoading && !hasMore && <Empty />}
      {problem !== null && (
        <p class="gallery-problem" role="alert">
          {problem}{' '}
          <button type="button" class="button" onClick={() => void gallery.loadMore()}>
            Try again
          </button>
        </p>
      )}
      {hasMore && problem === null && <More />}
    </section>
  )
}

/** Reads on by itself when it comes near the view; a button for those who do not scroll. */
function More() {
  const { gallery } = useStudio()
  const button = useRef<HTMLButtonElement>(null)
  const { isLoading, endCursor } = gallery.reading.value

  useEffect(() => {
    if (!button.current || endCursor === null) return
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting) void gallery.loadMore()
      },
      { rootMargin: '600px' },
    )
    observer.observe(button.current)
    return () => observer.disconnect()
  }, [endCursor])

  return (
    <button ref={button} type="button" class="button more" onClick={() => void gallery.loadMore()}>
      {isLoading ? 'Loading…' : 'Show more'}
    </button>
  )
}

function Skeleton() {
  return (
    <ul class="cards" aria-hidden="true">
      {[1, 2, 3].map((place) => (
        <li key={place} class="card card-empty">
          <div class="media" />
          <div class="card-body" />
        </li>
      ))}
    </ul>
  )
}

function Empty() {
  const { gallery, composer } = useStudio()
  const { filter } = gallery
  if (filter.value !== 'all') {
    const words = {
      making: 'Nothing is being made right now.',
      done: 'No video is done yet.',
      failed: 'Nothing failed.',
      canceled: 'Nothing was canceled.',
    }
    return <p class="empty">{words[filter.value]}</p>
  }
  return (
    <div class="empty">
      <p class="empty-title">Drop a picture to begin</p>
      <p>Its video appears here at once, and you can watch it being made.</p>
      <button type="button" class="example" onClick={() => void composer.takeExample(EXAMPLE)}>
        <img src={EXAMPLE} alt="" width={96} height={54} />
        Begin with our rocket
      </button>
    </div>
  )
}
