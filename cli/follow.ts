import type { Via } from '../client/core/reelay-client.ts'
import { CancelJobDocument } from '../operations/generated/graphql.ts'
import { type Activity, toActivity } from './activity.ts'
import { type Api, callApi } from './api.ts'
import { toRepeatCommand, toWatchCommand } from './command.ts'
import type { Display, Tone } from './display.ts'
import { InterruptedError } from './errors.ts'
import { askForYes, type Interrupts, toExitCode } from './interrupts.ts'
import type { Settings } from './options.ts'
import { saveVideo, type Target, toVideoName } from './save.ts'
import { toIssueLine, toSafeText, toSizeText } from './text.ts'
import { type Update, watchJob } from './watch.ts'

export interface FollowedJob {
  id: string
  /** What it was made from, for the command that repeats it. */
  picture: string
  settings: { [name in keyof Settings]: number | null | undefined }
  /** Null: a name that the server gives, in the working directory. */
  target: Target | null
}

export interface FollowDeps {
  api: Api
  givenUrl: string | null
  display: Display
  interrupts: Interrupts
  /** Whether there is a person who can be asked. */
  interactive: boolean
  /** Whether the server stops with this command. */
  ownServer: boolean
}

/** Shows a job until it ends, saves its video, and answers the exit code. */
export async function followJob(job: FollowedJob, deps: FollowDeps): Promise<number> {
  const { api, display, interrupts, interactive } = deps
  const { signal } = interrupts
  const cancel = createCancel(job, deps)
  if (interactive) interrupts.onFirst(() => void cancel.ask())
  try {
    const final = await watchJob({ client: api.client, jobId: job.id, signal, ...createViewer(display) })
    cancel.settle()
    if (final.status === 'SUCCEEDED') return await keep(job, final, deps)
    if (final.status === 'FAILED') return tellFailure(job, final, deps)
    display.close()
    display.print('The job was canceled.')
    return cancel.isAsked() ? 130 : 1
  } catch (error) {
    const reason: unknown = signal.aborted ? signal.reason : error
    cancel.settle()
    display.close()
    if (!cancel.isAsked()) tellHowToGoOn(job, deps)
    if (reason instanceof InterruptedError) return toExitCode(reason)
    throw reason
  }
}

/** What a model writes along is beside the point; a warning says why nothing moves. */
const TONES: { [level: string]: Tone } = { WARN: 'plain', ERROR: 'bad' }

/** Brings updates to the display. */
function createViewer(display: Display) {
  let activity: Activity | null = null
  return {
    onUpdate: (update: Update) => {
      if (update.missed > 0) display.print(`(${update.missed} updates are no longer stored)`, 'quiet')
      activity = toActivity(update, activity)
      if (activity) display.show(activity)
      for (const { level, message } of update.logs) display.print(`  ${toSafeText(message)}`, TONES[level] ?? 'quiet')
    },
    onLost: (reason: string) => display.show({ text: `connecting again (${toSafeText(reason)})` }),
    onFound: () => {
      if (activity) display.show(activity)
    },
    onVia: (via: Via) => display.print(VIA_LINES[via], 'quiet'),
  }
}

const NO_SOCKET = 'no WebSocket passes between here and the server (docs/operations.md)'
const VIA_LINES: Readonly<Record<Via, string>> = {
  websocket: '(updates come by WebSocket again)',
  'event-stream': `(updates come by server-sent events: ${NO_SOCKET})`,
  polling: `(updates come by polling, some seconds late: ${NO_SOCKET})`,
}

/** The question whether the job shall end too, and what follows from a yes. */
function createCancel({ id }: FollowedJob, { api, display, interrupts }: FollowDeps) {
  const settled = new AbortController()
  let asked = false
  async function ask(): Promise<void> {
    display.pause()
    const yes = await askForYes(
      '\nCancel the job at fal too? [y/N] ',
      AbortSignal.any([settled.signal, interrupts.signal]),
    )
    display.resume()
    if (settled.signal.aborted || interrupts.signal.aborted) return
    if (!yes) return interrupts.end(new InterruptedError('SIGINT'))
    try {
      const { cancelJob: result } = await callApi(api, CancelJobDocument, { id })
      asked = result.__typename === 'CancelJobSuccess'
      if (result.__typename !== 'CancelJobSuccess') display.print(toSafeText(result.message))
    } catch (error) {
      if (interrupts.signal.aborted) return
      display.print(
        `The job could not be canceled: ${toSafeText(error instanceof Error ? error.message : String(error))}`,
        'bad',
      )
      if (!settled.signal.aborted) interrupts.onFirst(() => void ask())
    }
  }
  return {
    ask,
    /** Whether the server has taken the wish. */
    isAsked: () => asked,
    /** The job has ended, or is left: there is nothing to ask any more. */
    settle: () => {
      settled.abort()
      interrupts.onFirst(null)
    },
  }
}

async function keep(
  job: FollowedJob,
  { job: { video } }: Update,
  { givenUrl, display, interrupts: { signal } }: FollowDeps,
): Promise<number> {
  if (!video) throw new Error(`the server says that job ${job.id} has succeeded, but gives no video`)
  display.show({ text: 'downloading the video', progress: null })
  const saved = await saveVideo({
    url: video.url,
    sizeBytes: video.fileSize,
    target: job.target ?? { path: toVideoName(video.fileName), replace: false },
    signal,
    onProgress: (received, total) => {
      const share = total === null ? null : received / total
      display.show({ text: 'downloading the video', progress: share })
    },
    onRetry: (error) => display.print(`${toSafeText(error.message)}; trying again`, 'quiet'),
  })
  display.close()
  display.print(`Saved ${saved.path} (${toSizeText(saved.sizeBytes)})`, 'good')
  if (video.seed === null) return 0
  display.print(`Seed ${video.seed}. The same clip again:`)
  display.print(`  ${toRepeatCommand(job.picture, { ...job.settings, seed: video.seed }, givenUrl)}`)
  return 0
}

function tellFailure(job: FollowedJob, { job: { failure } }: Update, { givenUrl, display }: FollowDeps): number {
  display.close()
  if (!failure) {
    display.print('The job failed; the server does not say why.', 'bad')
    return 1
  }
  const { code, message, providerCode, issues, retryable } = failure
  display.print(`The job failed: ${toSafeText(message)} (${[code, providerCode].filter(Boolean).join(', ')})`, 'bad')
  for (const issue of issues) if (issue.message !== message) display.print(`  ${toIssueLine(issue)}`)
  // A new video would be paid for; this one is.
  if (!retryable || code === 'RESULT_REFUSED') return 1
  display.print('It may well succeed if it is tried again:')
  display.print(`  ${toRepeatCommand(job.picture, job.settings, givenUrl)}`)
  return 1
}

function tellHowToGoOn({ id }: FollowedJob, { givenUrl, display, ownServer }: FollowDeps): void {
  display.print(
    ownServer
      ? 'The job goes on as soon as a server runs again. Show it with:'
      : 'The job goes on. Show it again with:',
  )
  display.print(`  ${toWatchCommand(id, givenUrl)}`)
}
