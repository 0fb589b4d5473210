import { useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { toImageName } from '../format/image-link.ts'
import { toErrorText } from '../format/request-error.ts'
import { toStatusText } from '../format/status.ts'
import { toMoment, toSize } from '../format/time.ts'
import type { JobEntry } from '../state/job-entry.ts'
import { SETTING_LABELS } from '../state/settings.ts'
import { useStudio } from '../state/studio.ts'
import { Toasts } from './banners.tsx'
import { Back } from './icons.tsx'
import { CopyLink, JobActions } from './job-actions.tsx'
import { JobTime } from './job-card.tsx'
import { JobMedia } from './job-media.tsx'
import { LogLines } from './log-lines.tsx'

/** The dialog without a job: loading, not found, or failed to load. */
type Placeholder = 'loading' | 'notFound' | { error: string }

/** The page of one job, which its link opens. */
export function JobDialog() {
  const { jobs, route, isOffline } = useStudio()
  const dialog = useRef<HTMLDialogElement>(null)
  const placeholder = useSignal<Placeholder>('loading')
  const attempts = useSignal(0)
  const id = route.jobId.value

  useSignalEffect(() => {
    if (route.jobId.value === null) dialog.current?.close()
    else {
      if (!dialog.current?.open) dialog.current?.showModal()
      if (dialog.current) dialog.current.scrollTop = 0
    }
  })

  // Loads again when the user asks for it or the connection changes: a reconnect may make the job available.
  useSignalEffect(() => {
    const jobId = route.jobId.value
    void attempts.value
    void isOffline.value
    placeholder.value = 'loading'
    if (jobId === null) return
    let isCurrent = true
    const settle = (next: Placeholder) => {
      if (isCurrent) placeholder.value = next
    }
    jobs.load(jobId).then(
      (isFound) => settle(isFound ? 'loading' : 'notFound'),
      (error: unknown) => settle({ error: toErrorText(error) }),
    )
    return () => {
      isCurrent = false
    }
  })

  const entry = id === null ? undefined : jobs.find(id)?.value
  const status = entry?.job.status

  // A retry replaces the job, and a new status removes buttons: either may take the focus with it.
  useEffect(() => {
    if (id !== null && document.activeElement === document.body)
      document.getElementById('job-title')?.focus({ preventScroll: true })
  }, [id, status])

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape is the key for a click on the backdrop
    <dialog
      ref={dialog}
      class="job"
      aria-labelledby="job-title"
      onCancel={(event) => {
        // Escape: closing the route also restores the URL.
        event.preventDefault()
        void route.close()
      }}
      onClick={(event) => {
        if (event.target === dialog.current) void route.close()
      }}
    >
      <div class="job-inner">
        <div>
          <button type="button" class="button" onClick={() => void route.close()}>
            <Back />
            All videos
          </button>
        </div>
        {entry ? (
          <JobDetails entry={entry} />
        ) : (
          <NoJob placeholder={placeholder.value} onRetry={() => attempts.value++} />
        )}
      </div>
      {id !== null && <Toasts />}
    </dialog>
  )
}

function NoJob({ placeholder, onRetry }: { placeholder: Placeholder; onRetry(): void }) {
  if (placeholder === 'loading') return <h2 id="job-title">Loading…</h2>
  if (placeholder === 'notFound')
    return (
      <>
        <h2 id="job-title">Not found</h2>
        <p role="status">This video does not exist. The link may be incomplete or belong to another server.</p>
      </>
    )
  return (
    <>
      <h2 id="job-title">The video could not be opened</h2>
      <p role="status">{placeholder.error}</p>
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
    [SETTING_LABELS.imageUrl, toImageName(settings.imageUrl)],
    [SETTING_LABELS.motionBucketId, String(settings.motionBucketId)],
    [SETTING_LABELS.condAug, String(settings.condAug)],
    [SETTING_LABELS.fps, String(settings.fps)],
    [SETTING_LABELS.seed, String(video?.seed ?? settings.seed ?? 'Random')],
    ['Model', settings.model],
    ['Started', toMoment(job.createdAt)],
    ['Finished', job.finishedAt ? toMoment(job.finishedAt) : null],
    ['Size', video?.fileSize == null ? null : toSize(video.fileSize)],
    ['Error', failure && failure.issues.length === 0 ? failure.message : null],
    ['Error code', failure?.providerCode ?? null],
  ]
  return (
    <>
      <div class="job-head">
        <h2 id="job-title" class="state" data-status={job.status} tabIndex={-1}>
          {toStatusText(job.status, provider.pause.value !== null)}
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
          <h3>Details</h3>
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
