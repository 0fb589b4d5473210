import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { JobSummaryFragment } from '../../../operations/generated/graphql.ts'
import { toFailureText } from '../format/failure.ts'
import { toImageName } from '../format/image-link.ts'
import { toQueueText, toStatusText } from '../format/status.ts'
import { findSteps, type JobEntry } from '../state/job-entry.ts'
import { findPreview } from '../state/previews.ts'
import { useStudio } from '../state/studio.ts'
import { ImageIcon, Stop, Warning } from './icons.tsx'

/** The video, or the status over the image until the video is ready. Both have the same size. */
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
        <img class="media-image" src={preview} alt="" />
      ) : (
        <p class="media-name">
          <ImageIcon /> {toImageName(job.settings.imageUrl)}
        </p>
      )}
      <div class="media-overlay">
        <StatusOverlay entry={entry} />
      </div>
    </div>
  )
}

function StatusOverlay({ entry }: { entry: JobEntry }) {
  const { job } = entry
  const isPaused = useStudio().provider.pause.value !== null
  switch (job.status) {
    case 'QUEUED':
      return <QueuePosition position={job.queuePosition ?? null} />
    case 'RUNNING':
      return <Generating entry={entry} />
    case 'FAILED':
      return (
        <p class="outcome outcome-failed">
          <Warning />
          {job.failure ? toFailureText(job.failure).title : 'Generation failed'}
        </p>
      )
    case 'CANCELED':
      return (
        <p class="outcome">
          <Stop />
          Canceled
        </p>
      )
    case 'SUCCEEDED':
      return null
    default:
      return <IndeterminateBar text={toStatusText(job.status, isPaused)} />
  }
}

function QueuePosition({ position }: { position: number | null }) {
  if (position === null) return <IndeterminateBar text="Queued" />
  const { large, small } = toQueueText(position)
  return (
    <p class="position">
      {/* The key makes a new element for each number, which starts its animation. */}
      <strong key={position} class="position-number">
        {large}
      </strong>
      {small && <span>{small}</span>}
    </p>
  )
}

function Generating({ entry }: { entry: JobEntry }) {
  const { progress, logs } = entry
  if (progress === null) return <IndeterminateBar text="Generating" />
  const steps = findSteps(logs)
  const text = steps ? `Step ${steps.step} of ${steps.of}` : `${Math.round(progress * 100)} %`
  return (
    <div class="progress">
      <p class="progress-text">{text}</p>
      <progress class="bar" max={1} value={progress} aria-label="Progress" aria-valuetext={text} />
    </div>
  )
}

/** Progress without a known share. */
function IndeterminateBar({ text }: { text: string }) {
  return (
    <div class="progress">
      <p class="progress-text">{text}</p>
      <progress class="bar" aria-label={text} />
    </div>
  )
}

interface VideoProps {
  job: JobSummaryFragment
  poster: string | null
  isLarge: boolean
}

/** The player, or a message when fal no longer has the video. */
function Video(props: VideoProps) {
  const isUnavailable = useSignal(false)
  const setUnavailable = (value: boolean) => () => {
    isUnavailable.value = value
  }
  if (!isUnavailable.value) return <Player {...props} onError={setUnavailable(true)} />
  return (
    <div class="media-overlay">
      <div class="outcome outcome-failed">
        <Warning />
        <p>The video could not be loaded</p>
        <p class="outcome-hint">fal may have deleted it. “Reuse settings” generates the same one.</p>
        <button type="button" class="button" onClick={setUnavailable(false)}>
          Reload
        </button>
      </div>
    </div>
  )
}

/** Plays muted and in a loop while it is in view. */
function Player({ job, poster, isLarge, onError }: VideoProps & { onError(): void }) {
  const video = useRef<HTMLVideoElement>(null)
  const isReducedMotion = useRef(matchMedia('(prefers-reduced-motion: reduce)').matches).current
  // In the gallery the controls appear on hover and focus only, so that they do not cover the video.
  const hasControls = useSignal(isLarge || isReducedMotion)
  const showControls = () => {
    hasControls.value = true
  }

  useEffect(() => {
    const element = video.current
    if (!element || isReducedMotion) return
    let isInView = false
    const play = () => {
      // `play` rejects when `pause` interrupts it, which is intended here.
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
    // Plays again if the first call came before the browser could play the video.
    element.addEventListener('canplay', play, { once: true })
    return () => {
      observer.disconnect()
      element.removeEventListener('canplay', play)
    }
  }, [isReducedMotion])

  return (
    <video
      ref={video}
      class="player"
      src={job.video?.url}
      {...(poster !== null && { poster })}
      muted
      loop
      playsInline
      controls={hasControls.value}
      tabIndex={0}
      onPointerEnter={showControls}
      onFocus={showControls}
      onError={onError}
      preload={isLarge ? 'auto' : 'metadata'}
      aria-label="Video"
    />
  )
}
