import { useErrorBoundary } from 'preact/hooks'
import { now } from '../state/clock.ts'
import { isEnded, type JobEntry } from '../state/job-entry.ts'
import { toJobPath } from '../state/route.ts'
import { useStudio } from '../state/studio.ts'
import { toStatusWords } from '../words/status.ts'
import { toAgo, toClock, toDuration, toMoment } from '../words/time.ts'
import { CopyLink, JobActions } from './job-actions.tsx'
import { JobMedia } from './job-media.tsx'
import { LogLines } from './log-lines.tsx'

/** A job, as it lives in the gallery. */
export function JobCard({ id }: { id: string }) {
  const { gallery, route, provider } = useStudio()
  // A job that cannot be shown takes no other with it.
  const [error] = useErrorBoundary(reportError)
  const entry = gallery.find(id)?.value
  if (!entry || error) return null
  const { job } = entry
  return (
    <li class="card" data-status={job.status}>
      <article aria-labelledby={`title-${id}`}>
        <JobMedia entry={entry} />
        <div class="card-body">
          <div class="card-head">
            <h3 id={`title-${id}`} class="state" data-status={job.status}>
              <a
                href={toJobPath(id)}
                onClick={(event) => {
                  if (event.metaKey || event.ctrlKey || event.shiftKey) return
                  event.preventDefault()
                  route.open(id)
                }}
              >
                {toStatusWords(job.status, provider.pause.value !== null)}
              </a>
            </h3>
            <JobTime entry={entry} />
            <CopyLink jobId={id} />
          </div>
          <SettingsLine entry={entry} />
          <JobActions entry={entry} />
          {!isEnded(job.status) && <LogLines entry={entry} isFolded />}
        </div>
      </article>
    </li>
  )
}

/** Time so far while it goes on; when it was, and how long it took, once it has ended. */
export function JobTime({ entry: { job } }: { entry: JobEntry }) {
  const begun = Date.parse(job.createdAt)
  if (!isEnded(job.status))
    return (
      <p class="time">
        <span class="unseen">Time so far: </span>
        {toClock(now.value - begun)}
      </p>
    )
  const ended = Date.parse(job.finishedAt ?? job.createdAt)
  return (
    <time class="time" dateTime={job.createdAt} title={toMoment(job.createdAt)}>
      {toAgo(ended, now.value)}
      {job.status === 'SUCCEEDED' && `, took ${toDuration(ended - begun)}`}
    </time>
  )
}

function SettingsLine({ entry: { job } }: { entry: JobEntry }) {
  const { motionBucketId, fps, seed } = job.settings
  const used = job.video?.seed ?? seed
  return (
    <p class="settings-line">
      <span>Motion {motionBucketId}</span>
      <span>{fps} fps</span>
      <span>{used == null ? 'Random seed' : `Seed ${used}`}</span>
    </p>
  )
}
