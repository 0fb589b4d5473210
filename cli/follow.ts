import type { Via } from '../client/core/reelay-client.ts'
import { CancelJobDocument } from '../operations/generated/graphql.ts'
import { type Activity, toActivity } from './activity.ts'
import { type Api, callApi } from './api.ts'
import { toRepeatCommand, toWatchCommand } from './command.ts'
import type { Display, Tone } from './display.ts'
import { InterruptedError } from './errors.ts'
import { askForYes, type Interrupts } from './interrupts.ts'
import type { JobSettings } from './options.ts'
import { saveVideo, type Target, toVideoName } from './save.ts'
import { toIssueLine, toSafeText, toSizeText } from './text.ts'
import { type Update, watchJob } from './watch.ts'

export interface FollowedJob {
  id: string
  /** The image's path or URL, for the command that repeats the job. */
  image: string
  settings: JobSettings
  /** Null: the server's name for the video, in the working directory. */
  target: Target | null
}

interface FollowDeps {
  api: Api
  givenUrl: string | null
  display: Display
  interrupts: Interrupts
  /** Whether the command may ask questions. */
  interactive: boolean
  /** Whether this command started the server, and stops it. */
  ownServer: boolean
}

/** Shows a job until it ends, saves its video and returns the exit code. */
export async function followJob(job: FollowedJob, deps: FollowDeps): Promise<number> {
  const { api, display, interrupts, interactive } = deps
  const { signal } = interrupts
  const cancel = createCancel(job, deps)
  if (interactive) interrupts.onFirst(() => void cancel.ask())
  const viewer = createViewer(display)
  try {
    const final = await watchJob({ client: api.client, jobId: job.id, signal, ...viewer.callbacks })
    cancel.settle()
    if (final.status === 'SUCCEEDED') return await saveResult(job, final, deps)
    if (final.status === 'FAILED') return reportFailure(job, final, viewer.printedLogs, deps)
    display.close()
    display.print('The job was canceled.')
    return cancel.isRequested() ? 130 : 1
  } catch (error) {
    const reason: unknown = signal.aborted ? signal.reason : error
    cancel.settle()
    display.close()
    if (!cancel.isRequested()) printWatchCommand(job, deps)
    if (reason instanceof InterruptedError) return reason.exitCode
    throw reason
  }
}

/** Log lines of the model are dim; a warning explains a delay. */
const TONES: { [level: string]: Tone } = { WARN: 'plain', ERROR: 'bad' }

/** Shows updates on the display. */
function createViewer(display: Display) {
  let activity: Activity | null = null
  const printedLogs: string[] = []
  const callbacks = {
    onUpdate: (update: Update) => {
      if (update.missed > 0) display.print(`(${update.missed} updates are no longer stored)`, 'quiet')
      activity = toActivity(update, activity)
      if (activity) display.show(activity)
      for (const { level, message } of update.logs) {
        display.print(`  ${toSafeText(message)}`, TONES[level] ?? 'quiet')
        printedLogs.push(message)
      }
    },
    onDisconnect: (reason: string) => display.show({ text: `reconnecting (${toSafeText(reason)})` }),
    onReconnect: () => {
      if (activity) display.show(activity)
    },
    onVia: (via: Via) => display.print(VIA_LINES[via], 'quiet'),
  }
  return { callbacks, printedLogs }
}

const BLOCKED = 'a proxy blocks WebSockets (docs/operations.md)'
const VIA_LINES: Readonly<Record<Via, string>> = {
  websocket: '(updates arrive over a WebSocket again)',
  'event-stream': `(updates arrive as server-sent events: ${BLOCKED})`,
  polling: `(updates arrive by polling, some seconds late: ${BLOCKED})`,
}

/** Asks on Ctrl-C whether to cancel the job too, and cancels it on a yes. */
function createCancel({ id }: FollowedJob, { api, display, interrupts }: FollowDeps) {
  const settled = new AbortController()
  let isRequested = false
  async function ask(): Promise<void> {
    display.pause()
    const ended = AbortSignal.any([settled.signal, interrupts.signal])
    const yes = await askForYes('\nCancel the job at fal too? [y/N] ', ended)
    display.resume()
    if (ended.aborted) return
    if (!yes) return interrupts.end(new InterruptedError('SIGINT'))
    try {
      const { cancelJob: result } = await callApi(api, CancelJobDocument, { id })
      isRequested = result.__typename === 'CancelJobSuccess'
      if (result.__typename !== 'CancelJobSuccess') display.print(toSafeText(result.message))
    } catch (error) {
      if (interrupts.signal.aborted) return
      const reason = toSafeText(error instanceof Error ? error.message : String(error))
      display.print(`Could not cancel the job: ${reason}`, 'bad')
      if (!settled.signal.aborted) interrupts.onFirst(() => void ask())
    }
  }
  return {
    ask,
    /** Whether the server accepted the cancellation. */
    isRequested: () => isRequested,
    /** Withdraws the question, once the job has ended or the command stops watching it. */
    settle: () => {
      settled.abort()
      interrupts.onFirst(null)
    },
  }
}

async function saveResult(
  job: FollowedJob,
  { job: { video } }: Update,
  { givenUrl, display, interrupts: { signal } }: FollowDeps,
): Promise<number> {
  if (!video) throw new Error(`job ${job.id} succeeded without a video`)
  display.show({ text: 'downloading the video', progress: null })
  const saved = await saveVideo({
    url: video.url,
    sizeBytes: video.fileSize,
    target: job.target ?? { path: toVideoName(video.fileName), replace: false },
    signal,
    onProgress: (received, total) => {
      display.show({ text: 'downloading the video', progress: total === null ? null : received / total })
    },
    onRetry: (error) => display.print(`${toSafeText(error.message)}; retrying`, 'quiet'),
  })
  display.close()
  display.print(`Saved ${saved.path} (${toSizeText(saved.sizeBytes)})`, 'good')
  if (video.seed === null) return 0
  display.print(`Seed ${video.seed}. To make the same clip again:`)
  display.print(`  ${toRepeatCommand(job.image, { ...job.settings, seed: video.seed }, givenUrl)}`)
  return 0
}

function reportFailure(
  job: FollowedJob,
  { job: { failure } }: Update,
  printedLogs: readonly string[],
  { givenUrl, display }: FollowDeps,
): number {
  display.close()
  if (!failure) {
    display.print('The job failed; the server gave no reason.', 'bad')
    return 1
  }
  const { code, message, providerCode, issues, retryable } = failure
  // fal's log often has the reason already, and the message often contains the issues: print each text once.
  const texts = issues.length > 0 ? issues.map((issue) => issue.message) : [message]
  const isPrinted = texts.every((text) => printedLogs.some((line) => line.includes(text)))
  const reason = isPrinted ? '' : `: ${toSafeText(message)}`
  display.print(`The job failed${reason} (${[code, providerCode].filter(Boolean).join(', ')})`, 'bad')
  for (const issue of issues) if (!message.includes(issue.message)) display.print(`  ${toIssueLine(issue)}`)
  // For RESULT_REFUSED the video is already paid for, and the repeat command would pay for another.
  if (!retryable || code === 'RESULT_REFUSED') return 1
  display.print('Another attempt may succeed:')
  display.print(`  ${toRepeatCommand(job.image, job.settings, givenUrl)}`)
  return 1
}

function printWatchCommand({ id }: FollowedJob, { givenUrl, display, ownServer }: FollowDeps): void {
  display.print(
    ownServer ? 'The job continues when a server runs again. Watch it with:' : 'The job keeps running. Watch it with:',
  )
  display.print(`  ${toWatchCommand(id, givenUrl)}`)
}
