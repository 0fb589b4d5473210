import { useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { JobEntry } from '../state/job-entry.ts'
import { useStudio } from '../state/studio.ts'
import { toPictureName } from '../words/link.ts'
import { toProblemWords } from '../words/problem.ts'
import { toStatusWords } from '../words/status.ts'
import { toMoment, toSize } from '../words/time.ts'
import { Back } from './icons.tsx'
import { CopyLink, JobActions } from './job-actions.tsx'
import { JobTime } from './job-card.tsx'
import { JobMedia } from './job-media.tsx'
import { LogLines } from './log-lines.tsx'
import { Signs } from './signs.tsx'

/** Why a job is not shown: it is still to come, there is none, or something stands in the way, in words. */
type Absence = 'opening' | 'missing' | { problem: string }

/** One job by itself: what its link opens. */
export function JobDialog() {
  const { gallery, route, isOffline } = useStudio()
  const dialog = useRef<HTMLDialogElement>(null)
  const absence = useSignal<Absence>('opening')
  const attempts = useSignal(0)
  const id = route.jobId.value

  useSignalEffect(() => {
    if (route.jobId.value === null) dialog.current?.close()
    else {
      if (!dialog.current?.open) dialog.current?.showModal()
      if (dialog.current) dialog.current.scrollTop = 0
    }
  })

  // Anew when somebody asks for it, and when the connection changes: one that is back may bring what was missing.
  useSignalEffect(() => {
    const jobId = route.jobId.value
    void attempts.value
    void isOffline.value
    absence.value = 'opening'
    if (jobId === null) return
    let isCurrent = true
    const settle = (next: Absence) => {
      if (isCurrent) absence.value = next
    }
    gallery.open(jobId).then(
      (isThere) => settle(isThere ? 'opening' : 'missing'),
      (error: unknown) => settle({ problem: toProblemWords(error) }),
    )
    return () => {
      isCurrent = false
    }
  })

  // Another job took the place of the one whose button was pressed.
  useEffect(() => {
    if (id !== null && document.activeElement === document.body) document.getElementById('job-title')?.focus()
  }, [id])

  const entry = id === null ? undefined : gallery.find(id)?.value
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape does by key what a click beside it does
    <dialog
      ref={dialog}
      class="job"
      aria-labelledby="job-title"
      onCancel={(event) => {
        // Escape: the address goes back as well, which closes it.
        event.preventDefault()
        void route.close()
      }}
      onClick={(event) => {
        if (event.target === dialog.current) void route.close()
      }}
    >
      <div class="job-inner">
        <div class="job-bar">
          <button type="button" class="button" onClick={() => void route.close()}>
            <Back />
            All videos
          </button>
        </div>
        {entry ? <JobDetails entry={entry} /> : <NoJob absence={absence.value} onRetry={() => attempts.value++} />}
      </div>
      {id !== null && <Signs />}
    </dialog>
  )
}

function NoJob({ absence, onRetry }: { absence: Absence; onRetry(): void }) {
  if (absence === 'opening') return <h2 id="job-title">Opening…</h2>
  if (absence === 'missing')
    return (
      <>
        <h2 id="job-title">Not found</h2>
        <p role="status">There is no such video. The link may be incomplete, or of another server.</p>
      </>
    )
  return (
    <>
      <h2 id="job-title">It cannot be opened just now</h2>
      <p role="status">{absence.problem}</p>
      <div class="actions">
        <button type="button" class="button" onClick={onRetry}>
          Try again
        </button>
      </div>
    </>
  )
}

function JobDetails({ entry }: { entry: JobEntry }) {
  const { provider } = useStudio()
  const { job } = entry
  const { settings, video, failure } = job
  const rows: [string, string | null][] = [
    ['Picture', toPictureName(settings.imageUrl)],
    ['Motion', String(settings.motionBucketId)],
    ['Freedom', String(settings.condAug)],
    ['Frames per second', String(settings.fps)],
    ['Seed', String(video?.seed ?? settings.seed ?? 'random')],
    ['Model', settings.model],
    ['Begun', toMoment(job.createdAt)],
    ['Ended', job.finishedAt ? toMoment(job.finishedAt) : null],
    ['Size', video?.fileSize == null ? null : toSize(video.fileSize)],
    ['Reason', failure && failure.issues.length === 0 ? failure.message : null],
    ['For support', failure?.providerCode ?? null],
  ]
  return (
    <>
      <div class="job-head">
        <h2 id="job-title" class="state" data-status={job.status} tabIndex={-1}>
          {toStatusWords(job.status, provider.pause.value !== null)}
        </h2>
        <JobTime entry={entry} />
        <CopyLink jobId={job.id} />
      </div>
      <div class="job-columns">
        <div class="job-main">
          <JobMedia key={job.id} entry={entry} isLarge />
          <JobActions entry={entry} />
          <div>
            <h3>Log</h3>
            <LogLines entry={entry} />
          </div>
        </div>
        <div class="job-facts">
          <h3>Settings</h3>
          <dl>
            {rows.map(
              ([name, value]) =>
                value !== null && (
                  <div key={name}>
                    <dt>{name}</dt>
                    <dd>{value}</dd>
                  </div>
                ),
            )}
          </dl>
        </div>
      </div>
    </>
  )
}
