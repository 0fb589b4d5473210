import { useEffect, useRef } from 'preact/hooks'
import { FILTERS } from '../format/status.ts'
import { useStudio } from '../state/studio.ts'
import { JobCard } from './job-card.tsx'

const SAMPLE = new URL('../../../examples/rocket.png', import.meta.url).href

export function Gallery() {
  const { jobs } = useStudio()
  const ids = jobs.visibleIds.value.split(' ').filter(Boolean)
  const { isLoading, error, hasMore } = jobs.list.value

  return (
    <section class="gallery" id="gallery" tabIndex={-1} aria-labelledby="gallery-title" aria-busy={isLoading}>
      <div class="gallery-head">
        <h2 id="gallery-title">Videos</h2>
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset belongs to a form; this filters a list */}
        <div class="chips" role="group" aria-label="Filter by status">
          {FILTERS.map(({ name, label }) => (
            <button
              type="button"
              key={name}
              class="chip"
              aria-pressed={jobs.filter.value === name}
              onClick={() => {
                jobs.filter.value = name
                if (jobs.list.peek().oldestCreatedAt === null) void jobs.loadMore()
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
      {error !== null && (
        <p class="gallery-error" role="alert">
          {error}{' '}
          <button type="button" class="button" onClick={() => void jobs.loadMore()}>
            Try again
          </button>
        </p>
      )}
      {hasMore && error === null && <More />}
    </section>
  )
}

/** Loads the next page shortly before it scrolls into view, or when pressed. */
function More() {
  const { jobs } = useStudio()
  const button = useRef<HTMLButtonElement>(null)
  const { isLoading, endCursor } = jobs.list.value

  useEffect(() => {
    if (!button.current || endCursor === null) return
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting) void jobs.loadMore()
      },
      { rootMargin: '600px' },
    )
    observer.observe(button.current)
    return () => observer.disconnect()
  }, [endCursor])

  return (
    <button ref={button} type="button" class="button more" onClick={() => void jobs.loadMore()}>
      {isLoading ? 'Loading…' : 'Show more'}
    </button>
  )
}

function Skeleton() {
  return (
    <ul class="cards" aria-hidden="true">
      {[1, 2, 3].map((place) => (
        <li key={place} class="card">
          <div class="media" />
          <div class="card-body" />
        </li>
      ))}
    </ul>
  )
}

function Empty() {
  const { jobs, draft } = useStudio()
  const filter = jobs.filter.value
  if (filter !== 'all') {
    const texts = {
      inProgress: 'No videos in progress.',
      done: 'No finished videos.',
      failed: 'No failed videos.',
      canceled: 'No canceled videos.',
    }
    return <p class="empty">{texts[filter]}</p>
  }
  return (
    <div class="empty">
      <p class="empty-title">Add an image to start</p>
      <p>Its video appears here while it is generated.</p>
      <button type="button" class="sample" onClick={() => void draft.chooseSample(SAMPLE)}>
        <img src={SAMPLE} alt="" width={96} height={54} />
        Try the sample image
      </button>
    </div>
  )
}
