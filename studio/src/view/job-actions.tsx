import { useSignal } from '@preact/signals'
import { toFailureText } from '../format/failure.ts'
import { isEnded, type JobEntry } from '../state/job-entry.ts'
import { toJobPath } from '../state/route.ts'
import { toIssueText } from '../state/settings.ts'
import { useStudio } from '../state/studio.ts'
import { Close, Download, Link, Retry, Sliders } from './icons.tsx'
import { saveVideo } from './save-video.ts'

/** The advice after a failure, and the buttons that the job's status allows. */
export function JobActions({ entry: { job } }: { entry: JobEntry }) {
  const { draft, route, cancel, retry, actionError } = useStudio()
  const isBusy = useSignal(false)

  async function runOnce(work: () => Promise<void>): Promise<void> {
    if (isBusy.value) return
    isBusy.value = true
    await work()
    isBusy.value = false
    requestAnimationFrame(() => restoreFocus(job.id))
  }
  async function reuse(): Promise<void> {
    if (route.jobId.peek() !== null) await route.close()
    draft.reuse(job)
  }
  const failure = job.failure ? toFailureText(job.failure) : null
  const { video } = job

  return (
    <>
      {failure && <p class="advice">{failure.advice}</p>}
      {job.failure && job.failure.issues.length > 0 && (
        <p class="advice-issues">Message from fal: {job.failure.issues.map(toIssueText).join('; ')}</p>
      )}
      <div class="actions">
        {!isEnded(job.status) && job.status !== 'CANCELING' && (
          <button
            type="button"
            class="button"
            aria-disabled={isBusy.value}
            onClick={() => void runOnce(() => cancel(job.id))}
          >
            <Close />
            Cancel
          </button>
        )}
        {video && (
          <a
            class="button"
            href={video.url}
            download={video.fileName}
            onClick={(event) => {
              event.preventDefault()
              void runOnce(() =>
                saveVideo(video).catch(() => actionError.show('The video could not be downloaded. Try again.')),
              )
            }}
          >
            <Download />
            {isBusy.value ? 'Saving…' : 'Download'}
          </a>
        )}
        {(failure?.remedy === 'retry' || job.status === 'CANCELED') && (
          <button
            type="button"
            class="button"
            aria-disabled={isBusy.value}
            onClick={() => void runOnce(() => retry(job.id))}
          >
            <Retry />
            Try again
          </button>
        )}
        {isEnded(job.status) && (
          <button type="button" class="button" onClick={() => void reuse()}>
            <Sliders />
            {job.status === 'SUCCEEDED' ? 'Reuse settings' : 'Edit and retry'}
          </button>
        )}
      </div>
    </>
  )
}

/** Moves the focus to the job after its focused button was removed. */
function restoreFocus(jobId: string): void {
  if (document.activeElement !== document.body) return
  const title = document.querySelector<HTMLElement>('dialog[open] #job-title')
  const target = title ?? document.getElementById(`title-${jobId}`)?.querySelector('a')
  target?.focus()
}

/** Copies the URL of the job's page. */
export function CopyLink({ jobId }: { jobId: string }) {
  const isCopied = useSignal(false)
  const { actionError } = useStudio()
  const url = new URL(toJobPath(jobId), location.href).href
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(url)
      isCopied.value = true
      setTimeout(() => {
        isCopied.value = false
      }, 2000)
    } catch {
      actionError.show(`Copy this link: ${url}`)
    }
  }
  return (
    <button type="button" class="icon-button copy" title="Copy link" onClick={() => void copy()}>
      <Link />
      <span class="visually-hidden">Copy link</span>
      <span class="copied" role="status">
        {isCopied.value ? 'Copied' : ''}
      </span>
    </button>
  )
}
