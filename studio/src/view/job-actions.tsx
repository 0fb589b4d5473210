import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { toFailureText } from '../format/failure.ts'
import { isEnded, type JobEntry } from '../state/job-entry.ts'
import { toJobPath } from '../state/route.ts'
import { toIssueText } from '../state/settings.ts'
import { useStudio } from '../state/studio.ts'
import { Close, Download, Link, Retry, Sliders } from './icons.tsx'

/** The advice after a failure, and the buttons that the job's status allows. */
export function JobActions({ entry: { job } }: { entry: JobEntry }) {
  const { draft, route, cancel, retry, actionError } = useStudio()
  const isBusy = useSignal(false)

  async function runOnce(work: () => Promise<void>): Promise<void> {
    if (isBusy.value) return
    isBusy.value = true
    try {
      await work()
    } finally {
      isBusy.value = false
    }
    requestAnimationFrame(() => restoreFocus(job.id))
  }
  async function reuse(): Promise<void> {
    if (route.jobId.peek() !== null) await route.close()
    draft.reuse(job)
  }
  const toButton = (label: string, icon: JSX.Element, act: (jobId: string) => Promise<void>) => (
    <button type="button" class="button" aria-disabled={isBusy.value} onClick={() => void runOnce(() => act(job.id))}>
      {icon}
      {label}
    </button>
  )
  const failure = job.failure ? toFailureText(job.failure) : null
  const { video } = job

  return (
    <>
      {failure && <p class="advice">{failure.advice}</p>}
      {job.failure && job.failure.issues.length > 0 && (
        <p class="advice-issues">Message from fal: {job.failure.issues.map(toIssueText).join('; ')}</p>
      )}
      <div class="actions">
        {!isEnded(job.status) && job.status !== 'CANCELING' && toButton('Cancel', <Close />, cancel)}
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
        {((failure && failure.remedy !== 'edit') || job.status === 'CANCELED') &&
          toButton('Try again', <Retry />, retry)}
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

/** How long a download may take, in milliseconds. */
const DOWNLOAD_MS = 300_000

/** Saves a video under its file name. Browsers ignore the `download` attribute of links to other hosts. */
async function saveVideo({ url, fileName }: { url: string; fileName: string }): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_MS) })
  if (!response.ok) throw new Error(`the video's host answered ${response.status}`)
  const local = URL.createObjectURL(await response.blob())
  const link = document.createElement('a')
  link.href = local
  link.download = fileName
  link.click()
  // Long after the browser has started to save it.
  setTimeout(() => URL.revokeObjectURL(local), 10_000)
}

/** Moves the focus to the job after its focused button was removed. */
function restoreFocus(jobId: string): void {
  if (document.activeElement !== document.body) return
  const title = document.querySelector<HTMLElement>('dialog[open] #job-title')
  const target = title ?? document.getElementById(`title-${jobId}`)?.querySelector('a')
  target?.focus()
}

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
