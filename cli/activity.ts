import { toSafeText } from './text.ts'
import type { Update } from './watch.ts'

/** What a job is doing now, in a few words. */
export interface Activity {
  text: string
  /** 0 to 1; null while running without a known share; absent while waiting. */
  progress?: number | null
}

/**
 * The activity after an update; null once the job has ended. An update without progress keeps the previous progress.
 * @param before - the activity after the previous update
 */
export function toActivity(
  { status, queuePosition, progress, logs }: Pick<Update, 'status' | 'queuePosition' | 'progress' | 'logs'>,
  before: Activity | null = null,
): Activity | null {
  switch (status) {
    case 'PENDING':
      return toPending(logs, before)
    case 'QUEUED':
      if (queuePosition === null) return { text: 'queued' }
      return { text: queuePosition === 0 ? 'queued, next up' : `queued, ${queuePosition} ahead` }
    case 'RUNNING':
      return {
        text: 'generating',
        progress: progress ?? (before?.text === 'generating' ? (before.progress ?? null) : null),
      }
    case 'STORING':
      return { text: 'storing the video', progress: null }
    case 'CANCELING':
      return { text: 'canceling', progress: null }
    case 'SUCCEEDED':
    case 'FAILED':
    case 'CANCELED':
      return null
    default:
      // A newer server may have more states.
      return { text: String(status satisfies never).toLowerCase() }
  }
}

/** Why a job is not submitted yet: the first clause of its newest warning. The display prints the whole line as well. */
function toPending(logs: Update['logs'], before: Activity | null): Activity {
  const warning = logs.findLast(({ level }) => level === 'WARN')
  if (warning) return { text: `waiting: ${toSafeText(warning.message.split(/[:.](?:\s|$)/, 1)[0] ?? '')}` }
  return before?.text.startsWith('waiting: ') ? before : { text: 'submitting to fal' }
}
