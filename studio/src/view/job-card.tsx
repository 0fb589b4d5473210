import { useErrorBoundary } from 'preact/hooks'
import { toStatusText } from '../format/status.ts'
import { toAgo, toClock, toDuration, toMoment } from '../format/time.ts'
import { now } from '../state/clock.ts'
import { isEnded, type JobEntry } from '../state/job-entry.ts'
import { toJobPath } from '../state/route.ts'
import { useStudio } from '../state/studio.ts'
import { CopyLink, JobActions } from './job-actions.tsx'
import { JobMedia } from './job-media.tsx'
import { FoldedLog } from './log-lines.tsx'

export function JobCard({ id }: { id: string }) {
  const { jobs, route, provider } = useStudio()
  // A card that cannot be rendered must not break the others.
  const [error] = useErrorBoundary(reportError)
  const entry = jobs.find(id)?.value
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
                {toStatusText(job.status, provider.pause.value !== null)}
              </a>
            </h3>
            <JobTime entry={entry} />
            <CopyLink jobId={id} />
          </div>
          <SettingsLine entry={entry} />
          <JobActions entry={entry} />
          {!isEnded(job.status) && <FoldedLog entry={entry} />}
        </div>
      </article>
    </li>
  )
}

/** The time elapsed while the job is open; afterwards its age and duration. */
export function JobTime({ entry: { job } }: { entry: JobEntry }) {
  const created = Date.parse(job.createdAt)
  if (!isEnded(job.status))
    return (
      <p class="time">
        <span class="visually-hidden">Elapsed time: </span>
        {toClock(now.value - created)}
      </p>
    )
  const ended = Date.parse(job.finishedAt ?? job.createdAt)
  return (
    <time class="time" dateTime={job.createdAt} title={toMoment(job.createdAt)}>
      {toAgo(ended, now.value)}
      {job.status === 'SUCCEEDED' && `, took ${toDuration(ended - created)}`}
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
