import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { JobSummaryFragment } from '../generated/graphql.ts'
import { type JobEntry, readSteps } from '../state/job-entry.ts'
import { findPreview } from '../state/previews.ts'
import { useStudio } from '../state/studio.ts'
import { toFailureWords } from '../words/failure.ts'
import { toPictureName } from '../words/link.ts'
import { WAITING_WORDS } from '../words/status.ts'
import { PictureIcon, Stop, Warning } from './icons.tsx'

/** The place of the video, of the same size from the first moment on: what is seen until it is there tells how it goes. */
export function JobMedia({ entry, isLarge = false }: { entry: JobEntry; isLarge?: boolean }) {
  const { job } = entry
  const preview = findPreview(job.id)
  if (job.status === 'SUCCEEDED' && job.video)
    return (
      <div class="media">
        <Video job={job} poster={preview} isLarge={isLarge} />
      </div>
    )
  return (
    <div class="media" data-status={job.status}>
      {preview !== null ? (
        <img class="media-picture" src={preview} alt="" />
      ) : (
        <p class="media-name">
          <PictureIcon /> {toPictureName(job.settings.imageUrl)}
        </p>
      )}
      <div class="media-over">
        <Course entry={entry} />
      </div>
    </div>
  )
}

function Course({ entry }: { entry: JobEntry }) {
  const { job } = entry
  const isPaused = useStudio().provider.pause.value !== null
  switch (job.status) {
    case 'QUEUED':
      return <Place position={job.queuePosition ?? null} />
    case 'RUNNING':
      return <Making entry={entry} />
    case 'FAILED': {
      const words = job.failure && toFailureWords(job.failure)
      return (
        <p class="verdict verdict-failed">
          <Warning />
          {words?.title ?? 'It did not work'}
        </p>
      )
    }
    case 'CANCELED':
      return (
        <p class="verdict">
          <Stop />
          Canceled
        </p>
      )
    case 'SUCCEEDED':
      return null
    default:
      return (
        <Waiting
          words={
            {
              PENDING: isPaused ? WAITING_WORDS : 'Sending to fal',
              STORING: 'Saving the video',
              CANCELING: 'Stopping',
            }[job.status]
          }
        />
      )
  }
}

function Place({ position }: { position: number | null }) {
  if (position === null) return <Waiting words="Waiting in line" />
  return (
    <p class="place">
      {/* A new element for each number, so that it moves in. */}
      <strong key={position} class="place-number">
        {position === 0 ? 'Next' : position.toLocaleString('en')}
      </strong>
      <span>{position === 0 ? 'in line' : 'in front of you'}</span>
    </p>
  )
}

function Making({ entry }: { entry: JobEntry }) {
  const { progress, logs } = entry
  if (progress === null) return <Waiting words="Starting" />
  const steps = readSteps(logs)
  const words = steps ? `Step ${steps.step} of ${steps.of}` : `${Math.round(progress * 100)} %`
  return (
    <div class="making">
      <p class="making-words">{words}</p>
      <progress class="bar" max={1} value={progress} aria-label="Progress" aria-valuetext={words} />
    </div>
  )
}

/** Nobody knows how long: the bar says that it goes on, and no more. */
function Waiting({ words }: { words: string | undefined }) {
  return (
    <div class="making">
      <p class="making-words">{words ?? 'Working'}</p>
      <progress class="bar" aria-label={words ?? 'Working'} />
    </div>
  )
}

interface ClipProps {
  job: JobSummaryFragment
  poster: string | null
  isLarge: boolean
}

/** The clip, or that it cannot be had: it lies at fal, which does not keep it for ever. */
function Video(props: ClipProps) {
  const isLost = useSignal(false)
  if (!isLost.value)
    return (
      <Clip
        {...props}
        onLost={() => {
          isLost.value = true
        }}
      />
    )
  return (
    <div class="media-over">
      <div class="verdict verdict-failed">
        <Warning />
        <p>The clip cannot be loaded</p>
        <p class="verdict-more">fal may have removed it. “Again with these” makes the same one.</p>
        <button
          type="button"
          class="button"
          onClick={() => {
            isLost.value = false
          }}
        >
          Load again
        </button>
      </div>
    </div>
  )
}

/** Plays while it is in view, without a sound, again and again. */
function Clip({ job, poster, isLarge, onLost }: ClipProps & { onLost(): void }) {
  const video = useRef<HTMLVideoElement>(null)
  const isStill = useRef(matchMedia('(prefers-reduced-motion: reduce)').matches).current
  // In the gallery the clips come first: their controls show when somebody turns to them.
  const hasControls = useSignal(isLarge || isStill)
  const showControls = () => {
    hasControls.value = true
  }

  useEffect(() => {
    const element = video.current
    if (!element || isStill) return
    let isInView = false
    const play = () => {
      // One that is cut short by a pause is refused: that is meant.
      if (isInView && element.paused) void element.play().catch(() => {})
    }
    const observer = new IntersectionObserver(
      ([entry]) => {
        isInView = entry?.isIntersecting ?? false
        if (isInView) play()
        else element.pause()
      },
      { threshold: 0.4 },
    )
    observer.observe(element)
    // What came too early for the browser is tried again once it can.
    element.addEventListener('canplay', play, { once: true })
    return () => {
      observer.disconnect()
      element.removeEventListener('canplay', play)
    }
  }, [isStill])

  return (
    <video
      ref={video}
      class="clip"
      src={job.video?.url}
      {...(poster !== null && { poster })}
      muted
      loop
      playsInline
      controls={hasControls.value}
      tabIndex={0}
      onPointerEnter={showControls}
      onFocus={showControls}
      onError={onLost}
      preload={isLarge ? 'auto' : 'metadata'}
      aria-label="The video"
    />
  )
}
