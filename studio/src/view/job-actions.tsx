import { useSignal } from '@preact/signals'
import { isEnded, type JobEntry } from '../state/job-entry.ts'
import { toJobPath } from '../state/route.ts'
import { toIssueWords } from '../state/settings.ts'
import { useStudio } from '../state/studio.ts'
import { toFailureWords } from '../words/failure.ts'
import { Again, Close, Download, Link, Sliders } from './icons.tsx'
import { saveVideo } from './save-video.ts'

/** What can be done with a job, in its state. */
export function JobActions({ entry: { job } }: { entry: JobEntry }) {
  const { composer, route, cancel, retry, notice } = useStudio()
  const isBusy = useSignal(false)

  async function once(work: () => Promise<void>): Promise<void> {
    if (isBusy.value) return
    isBusy.value = true
    await work()
    isBusy.value = false
    requestAnimationFrame(() => keepFocus(job.id))
  }
  async function useAgain(): Promise<void> {
    if (route.jobId.peek() !== null) await route.close()
    await composer.repeat(job)
  }
  const words = job.failure ? toFailureWords(job.failure) : null
  const { video } = job

  return (
    <>
      {words && <p class="advice">{words.advice}</p>}
      {job.failure && job.failure.issues.length > 0 && (
        <p class="advice-issues">fal says: {job.failure.issues.map(toIssueWords).join('; ')}</p>
      )}
      <div class="actions">
        {!isEnded(job.status) && job.status !== 'CANCELING' && (
          <button
            type="button"
            class="button"
            aria-disabled={isBusy.value}
            onClick={() => void once(() => cancel(job.id))}
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
              void once(() =>
                saveVideo(video).catch(() => notice.say('The video cannot be fetched just now. Try again.')),
              )
            }}
          >
            <Download />
            {isBusy.value ? 'Saving…' : 'Download'}
          </a>
        )}
        {words?.remedy === 'retry' || job.status === 'CANCELED' ? (
          <button
            type="button"
            class="button"
            aria-disabled={isBusy.value}
            onClick={() => void once(() => retry(job.id))}
          >
            <Again />
            Try again
          </button>
        ) : null}
        {isEnded(job.status) && (
          <button type="button" class="button" onClick={() => void useAgain()}>
            <Sliders />
            {job.status === 'SUCCEEDED' ? 'Again with these' : 'Change it'}
          </button>
        )}
      </div>
    </>
  )
}

/** A button that has done its work is gone, and the focus with it: it goes to the job that it was for. */
function keepFocus(jobId: string): void {
  if (document.activeElement !== document.body) return
  const title = document.querySelector<HTMLElement>('dialog[open] #job-title')
  const link = document.getElementById(`title-${jobId}`)?.querySelector('a')
  const target = title ?? link
  target?.focus()
}

/** The address of the job's own page, for somebody else. */
export function CopyLink({ jobId }: { jobId: string }) {
  const isCopied = useSignal(false)
  const { notice } = useStudio()
  const url = new URL(toJobPath(jobId), location.href).href
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(url)
      isCopied.value = true
      setTimeout(() => {
        isCopied.value = false
      }, 2000)
    } catch {
      notice.say(`Copy this link: ${url}`)
    }
  }
  return (
    <button type="button" class="icon-button copy" title="Copy the link" onClick={() => void copy()}>
      <Link />
      <span class="unseen">Copy the link</span>
      <span class="copied" role="status">
        {isCopied.value ? 'Copied' : ''}
      </span>
    </button>
  )
}
